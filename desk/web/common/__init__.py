"""Shared basis of an owner's pages: permissions, common parts, and paging."""
