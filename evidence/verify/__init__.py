"""Offline verification of untrusted bundles, and comparison of what several proofs say about one log."""
