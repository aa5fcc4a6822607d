"""Calibration of the comparison, and the recall of networks on edited copies."""
