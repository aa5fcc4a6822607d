"""Browser rendering: selects pages whose scripts add images, and passes the crawl's responses to the browser."""
