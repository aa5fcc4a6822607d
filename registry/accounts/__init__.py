"""Models of owners, users, roles and API tokens, and queries limited to one owner."""
