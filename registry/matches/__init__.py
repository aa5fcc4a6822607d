"""Searches and matches: from a picture or a work to the pairs that were compared."""
