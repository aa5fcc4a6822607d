"""OpenTimestamps: requests to calendars and sources of Bitcoin blocks, and offline verification."""
