"""Members of owners, invitations, known browsers, tokens, and sample owners."""
