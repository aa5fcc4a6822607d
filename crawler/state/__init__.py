"""State of a running crawl: budget, frontier, pace, open visits, and the spool of exact bytes."""
