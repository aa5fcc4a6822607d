"""Comparison code without image libraries: calibrated probability, error rates, dense check, warping."""
