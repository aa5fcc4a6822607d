"""Owners' keys: sealing, document and device keys, and decisions signed with passkeys."""
