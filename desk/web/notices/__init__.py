"""Notices and their wordings."""
