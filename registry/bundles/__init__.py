"""Sealed evidence: visits, facts, bundles, deposit records, packages, documents, links, and their jobs."""
