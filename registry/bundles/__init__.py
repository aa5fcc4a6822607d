"""Sealed evidence: captures, facts, bundles, deposit records, packages, documents, download links, and their jobs."""
