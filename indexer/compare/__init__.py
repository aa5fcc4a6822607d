"""Comparison of one pair of pictures: geometry, dense check, decision rules and wording."""
