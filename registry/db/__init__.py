"""Shared database code: column types, claims of rows, bulk writes, locks, leases and idempotency keys."""
