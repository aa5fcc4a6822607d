"""Sentences that are sealed or shown, and their words in the reader's language."""
