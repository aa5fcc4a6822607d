"""Checking bundles that anybody may have made, offline: the verifier, and what several proofs say of one log."""
