"""Error rates of automatic results, from decisions in the log and from joined counts of several installations."""
