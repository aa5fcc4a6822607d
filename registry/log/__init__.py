"""The append-only log in rows, the audit log, keys, and how outside witnesses answer."""
