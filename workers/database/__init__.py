"""The schema, backups and restores."""
