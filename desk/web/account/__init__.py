"""Signing in, a person's account, members and their roles, invitations, tokens."""
