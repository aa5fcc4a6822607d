"""Only the fonts that come with typst: what a machine without any font has."""

from functools import cache

import typst

from evidence.documents.typeset.fonts import FontSet


@cache
def embedded_fonts() -> FontSet:
    handle = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return FontSet(frozenset(handle.families()), handle)
