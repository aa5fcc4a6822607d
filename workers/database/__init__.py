"""Database schema, backups and restores."""
