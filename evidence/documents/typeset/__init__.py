"""Typesetting of document blocks as PDF/A-3b with typst: fonts, reduced pictures and the template."""
