"""Visits to a page and its image, with a record of the served bytes."""
