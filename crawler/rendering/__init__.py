"""Pages whose pictures their scripts make: which are rendered, and a browser that is given what the crawl fetches."""
