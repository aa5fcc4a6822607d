"""Captures with a browser, which renders what the guarded recorder fetches and has no network of its own."""
