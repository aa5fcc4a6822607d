"""Timestamps by RFC 3161 authorities: requests, and offline verification."""
