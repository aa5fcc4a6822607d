"""Only the fonts that come with typst: what a machine without any font has."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest.mock import patch

import typst

from evidence.documents.report import volumes
from evidence.documents.typeset import compiler
from evidence.documents.typeset.fonts import FontSet


@cache
def embedded_fonts() -> FontSet:
    handle = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return FontSet(frozenset(handle.families()), handle)


@contextmanager
def only_embedded_fonts() -> Iterator[None]:
    """As on a machine without any font."""
    with (
        patch.object(compiler, "installed_fonts", embedded_fonts),
        patch.object(volumes, "installed_fonts", embedded_fonts),
    ):
        yield
