"""Writing a bundle: manifest, seal, proofs around it, one deterministic ZIP. Reading doubts it: `evidence.verify`."""
