"""Offline verification of untrusted bundles, and comparison of the statements of several bundles about one log."""
