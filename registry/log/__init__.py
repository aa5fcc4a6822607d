"""The append-only log of this installation: entries, proofs, witnesses, its history after a restore."""
