"""The case queue and the page of a case."""
