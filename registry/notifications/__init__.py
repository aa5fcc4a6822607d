"""What members and programs are sent: mails, messages in browsers, webhooks."""
