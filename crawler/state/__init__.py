"""What a running crawl keeps: its budget, frontier, pace, open visits, and the spool of exact bytes."""
