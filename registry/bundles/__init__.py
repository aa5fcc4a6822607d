"""Sealed evidence: visits, facts, bundles, deposit records, packages, their documents and links, and their jobs."""
