"""Notices and their templates."""
