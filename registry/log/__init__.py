"""The append-only log of this installation: entries, proofs, timestamp services, and its history after a restore."""
