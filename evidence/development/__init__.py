"""Development timestamp services on one machine, without legal weight: authority, calendar, and blockchain."""
