"""Development witnesses on one machine, without legal weight: a timestamp authority, a calendar, a blockchain."""
