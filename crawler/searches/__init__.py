"""Image search and marketplace clients, each configured by a TOML mapping file."""
