"""The licence ledger."""
