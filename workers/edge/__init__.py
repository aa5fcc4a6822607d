"""The edge: what travels between an installation and whoever helps it, and the helping machine's own side."""
