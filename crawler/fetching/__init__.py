"""Fetching: every request with its checks, pictures, style sheets and documents."""
