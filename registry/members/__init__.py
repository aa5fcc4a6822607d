"""People of owners: members, invitations, known browsers, tokens, and sample owners."""
