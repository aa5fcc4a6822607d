"""Sign-in, accounts, members and roles, invitations, and API tokens."""
