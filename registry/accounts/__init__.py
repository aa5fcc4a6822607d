"""Owners, users and their roles, and what programs sign in with: rows, and everything of an owner by number."""
