"""Figures of a comparison that need no library of pictures: calibrated probability, rates, dense check, warping."""
