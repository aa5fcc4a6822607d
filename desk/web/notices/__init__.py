"""Notices, and their wording."""
