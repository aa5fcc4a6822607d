"""Reports of an owner's cases, works and watches."""
