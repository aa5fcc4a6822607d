"""Timestamps in a contract of an EVM chain: transactions, receipts, and proofs that are checked offline."""
