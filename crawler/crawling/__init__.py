"""Running one job in this process: the spider, its settings, and sources that are files."""
