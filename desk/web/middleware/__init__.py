"""What happens to requests and answers: language, limits, headers, assets, compression, failures. No page is here."""
