"""Printable copies: one PDF with the bundles of several cases, a cover, a list and numbered exhibits."""
