"""Registered works as searches go through them, and the indexes' upkeep."""
