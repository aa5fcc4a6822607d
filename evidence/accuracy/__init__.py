"""Error rates: of what the machine said, from decisions in the log, and joined from counts of several installations."""
