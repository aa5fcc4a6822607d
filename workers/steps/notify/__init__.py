"""Steps that tell people: mails, notices, webhooks."""
