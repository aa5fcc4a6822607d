"""Sign-in, accounts, members and roles, invitations, and tokens."""
