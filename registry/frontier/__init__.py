"""The addresses that wait in a crawl: the order of those of one pattern, and which of them are left out."""
