"""Removal: expiry of bytes, purges, reported images, and sample owners."""
