"""Watches: their pages and forms, the places and searches they ask, their crawls and canaries."""
