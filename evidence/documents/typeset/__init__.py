"""Typesetting of document blocks as PDF/A-3b: fonts, reduced pictures, the template, typst."""
