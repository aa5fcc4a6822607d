"""What members and programs are told: events, mails, webhooks."""
