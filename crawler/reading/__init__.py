"""Parsers for untrusted content: HTML, CSS, feeds, sitemaps and crawler rules. Nothing is fetched here."""
