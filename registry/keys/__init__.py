"""Owners' keys: sealing and document keys, device keys, and decisions signed with passkeys."""
