"""The commands that start, stop and examine the product."""
