"""Bundles of several cases as one PDF for reading: a cover, a list, numbered exhibits, continuous page numbers."""
