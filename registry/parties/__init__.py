"""Parties: who stands behind a host, what is demanded of it, what registries say of it."""
