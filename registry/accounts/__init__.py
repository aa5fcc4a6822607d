"""Owners, their members and keys of devices, and what programs sign in with: rows, rules and jobs."""
