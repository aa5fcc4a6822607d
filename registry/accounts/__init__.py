"""Models of owners, users, roles and API tokens, and look-ups of an owner's rows by number."""
