"""The web server: uvicorn's connections, watched, before the site's threads, which wait for no client."""
