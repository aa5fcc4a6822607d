"""Printable copies: bundles of several cases as one PDF, with a cover, a list, numbered exhibits and page numbers."""
