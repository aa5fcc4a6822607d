"""Visiting a page and its image, and recording what was served, byte for byte."""
