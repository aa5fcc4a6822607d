"""Steps of a crawl: planning it, visiting a slice, asking searches."""
