"""What is taken away: bundles, packages, reports, and links for people outside."""
