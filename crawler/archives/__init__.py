"""Clients for web archive indexes: which captures of a domain or URL exist, and where their bytes are stored."""
