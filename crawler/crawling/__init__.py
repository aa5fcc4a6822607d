"""Run one job in this process: the Scrapy spider, its settings, and sources that are files."""
