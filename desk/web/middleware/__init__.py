"""What happens to every request and answer: language, limits, headers, assets, compression, failures. No page is here."""
