"""Searches and matches: from a picture or a work to verified pairs."""
