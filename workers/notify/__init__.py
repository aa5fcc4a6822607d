"""Telling people: mail, digests, invitations, webhooks."""
