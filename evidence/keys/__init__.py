"""Keys: Ed25519 for the log and for sealing, certificates for signed documents, and encryption at rest."""
