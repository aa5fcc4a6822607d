"""Error rates of the machine's results: from decisions in the log, and from joined counts of several installations."""
