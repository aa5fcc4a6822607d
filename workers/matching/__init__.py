"""Registered works as searches go through them, the indexes' upkeep, and networks of one's own."""
