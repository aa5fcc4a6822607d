"""Captures with a browser: it renders what the guarded recorder fetches, and has no network of its own."""
