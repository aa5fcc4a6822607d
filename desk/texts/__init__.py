"""Texts in the reader's language. This package contains no pages, forms or decisions."""
