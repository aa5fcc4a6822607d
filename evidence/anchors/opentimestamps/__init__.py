"""OpenTimestamps: requests to calendars and for Bitcoin blocks, and offline verification."""
