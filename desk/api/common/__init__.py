"""Shared parts of all operations. Nothing here depends on a resource."""
