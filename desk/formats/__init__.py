"""Date formats for each language (Django format modules)."""
