"""Notification settings: email, push, webhooks and feeds."""
