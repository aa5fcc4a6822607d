"""Restriction to the fonts embedded in typst, as on a machine without fonts, and a marker for tests that need more."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest.mock import patch

import pytest
import typst

from evidence.documents.report import volumes
from evidence.documents.typeset import compiler
from evidence.documents.typeset.fonts import FontSet, load_fonts

needs_chinese = pytest.mark.skipif(not load_fonts().chinese_families, reason="no font with Chinese characters is here")


@cache
def embedded_fonts() -> FontSet:
    handle = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return FontSet(frozenset(handle.families()), handle)


@contextmanager
def only_embedded_fonts() -> Iterator[None]:
    """Use only embedded fonts, as on a machine without fonts."""
    with (
        patch.object(compiler, "load_fonts", embedded_fonts),
        patch.object(volumes, "load_fonts", embedded_fonts),
    ):
        yield
