"""Captures: recorded visits to a page and its image."""
