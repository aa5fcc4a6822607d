"""Sealed evidence: facts, bundles, deposit records, packages, their papers and links, and the jobs that make them."""
