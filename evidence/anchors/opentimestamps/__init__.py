"""OpenTimestamps: calendars and Bitcoin blocks, asked, and checked offline."""
