"""Captures with a browser that has no network access; the guarded recorder fetches all resources for it."""
