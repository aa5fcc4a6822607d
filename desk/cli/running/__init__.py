"""The commands that start, stop and examine the product; each module has its command's name."""
