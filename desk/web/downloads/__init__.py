"""Downloads: bundles, packages, reports, and public download links."""
