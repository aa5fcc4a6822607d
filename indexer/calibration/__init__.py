"""Measuring a calibration, and how well a network finds edited copies."""
