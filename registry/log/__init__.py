"""The append-only log of this installation: entries, proofs, witnesses, and its history after a restore."""
