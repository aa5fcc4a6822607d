"""Reading what strangers serve: HTML, CSS, feeds, sitemaps, rules for crawlers. Nothing is fetched here."""
