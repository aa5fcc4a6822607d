"""Owners' sealing, document and device keys, and actions signed with passkeys."""
