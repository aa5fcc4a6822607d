"""Witnesses for trials on one machine, without legal weight: a timestamp authority, a calendar, a chain of blocks."""
