"""Watches: pages and forms, sources and searches, crawls and canaries."""
