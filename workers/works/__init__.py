"""Bringing works: uploads, tables, registration, changes, ownership and terms of protection."""
