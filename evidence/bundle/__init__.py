"""Writing a bundle: manifest, seal, surrounding proofs, one deterministic ZIP.

`evidence.verify` reads and checks it.
"""
