"""Shared code of the commands. Command modules import this package, not each other."""
