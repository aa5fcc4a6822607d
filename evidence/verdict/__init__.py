"""Results of checking a bundle: checks, grades, and the trust list of pinned keys and timestamp services."""
