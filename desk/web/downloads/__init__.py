"""Downloads: bundles, packages, reports, and links for outsiders."""
