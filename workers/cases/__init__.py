"""Deciding cases; reported and purged pictures."""
