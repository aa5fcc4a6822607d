"""Licence ledger."""
