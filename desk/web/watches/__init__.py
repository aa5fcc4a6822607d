"""Watches: pages and forms, sources and searches, crawls and known copies."""
