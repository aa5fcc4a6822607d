"""The error rate of what the machine said, from decisions in the log, and the file that lets outsiders compute it."""
