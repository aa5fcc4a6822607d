"""Blocks of a document become PDF/A-3b: fonts, pictures made small, the template, typst."""
