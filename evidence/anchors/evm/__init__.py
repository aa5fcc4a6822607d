"""Timestamps in a contract on an EVM chain: transactions, receipts, and proofs that are verified offline."""
