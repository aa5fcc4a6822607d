"""Searches for matches between pictures and works, and verification of the results."""
