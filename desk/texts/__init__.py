"""Texts in the reader's language. They contain no pages, forms or decisions."""
