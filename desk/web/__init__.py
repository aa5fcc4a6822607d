"""Web pages of the site."""
