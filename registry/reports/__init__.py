"""Reports on an owner's cases, works and watches."""
