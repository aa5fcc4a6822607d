"""Calibration of the comparison, and measurement of the recall of models on edited copies."""
