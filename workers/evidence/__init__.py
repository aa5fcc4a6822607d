"""Facts, bundles, packages, papers, deposits, and links to them."""
