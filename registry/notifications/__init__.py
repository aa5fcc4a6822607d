"""Notifications: emails, push messages and webhooks."""
