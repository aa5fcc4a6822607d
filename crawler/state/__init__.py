"""State of a running crawl: budget, frontier, request rates, open visits, and the spool of exact bytes."""
