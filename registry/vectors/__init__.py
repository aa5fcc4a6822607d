"""Fingerprints, the networks that make them, and calibrations."""
