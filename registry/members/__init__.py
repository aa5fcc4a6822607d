"""Members of owners, invitations, known browsers, API tokens, and sample owners."""
