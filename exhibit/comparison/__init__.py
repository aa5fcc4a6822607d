"""Comparison code that needs only NumPy and Pillow: calibrated probability, error rates, dense check, warping."""
