"""Checks of a bundle, by subject: each takes an ``Inspection`` and returns ``Check`` objects."""
