"""Writing of bundles: manifest, seal and proofs in one deterministic ZIP file.

`evidence.verify` reads and verifies bundles.
"""
