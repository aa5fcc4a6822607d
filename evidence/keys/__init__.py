"""Keys: Ed25519 keys of the log and for sealing, document keys with certificates, and encryption at rest."""
