"""Bundles of several cases as one PDF to be read: a cover, a list, numbered exhibits, one numbering of the pages."""
