"""Exhibit and its peers side by side."""
