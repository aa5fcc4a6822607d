"""Limits of the reader and the crawler for the content of a single document.

Real pages stay below these numbers; pages made to exhaust a crawler exceed them. Everything that a limit omits is
counted by :class:`LeftOut` and shown with the crawl.
"""

from collections.abc import Mapping
from enum import StrEnum

MIB = 1024 * 1024

ADDRESS_CHARACTERS = 8_192
"""Maximum length of a visited URL."""
DOCUMENT_CHARACTERS = 64 * MIB
"""Total characters of all URLs that one document may name; each counts 200 more."""
SITEMAP_BYTES = 52_428_800
"""Maximum uncompressed size of a sitemap (sitemaps.org 0.9)."""
REDIRECTS = 10
"""Redirects of one request; RFC 9309, 2.3.1.2 requires at least five."""

STYLE_SHEETS = 64
"""Style sheets linked by one page; those of its own host come first."""
IMPORTED_SHEETS = 64
"""Style sheets imported by those of one page, at any depth."""
STYLE_SHEET_BYTES = 4 * MIB

FRAMES_DEEP = 8
"""Depth of nested ``srcdoc`` frames."""
SCRIPTS = 200
"""URLs of a page's scripts that are remembered to decide whether to render it."""
SCRIPT_PICTURES = 20_000
"""Image URLs named by the scripts of one page."""
SCRIPT_CHARACTERS = 16 * MIB
"""Characters of one script or attribute that are searched for URLs; a page has at most ``max_page_bytes``."""
JSON_NODES = 500_000
"""Values examined in one JSON or JSON-LD script."""

RENDERED_ELEMENTS = 50_000
"""Elements of a rendered page whose style is examined."""
STYLED_PICTURES = 10_000
"""Image URLs named by the styles of a rendered page."""
CANVASES, CANVAS_PIXELS = 32, 8_000_000
"""Canvases stored of a rendered page, and the pixels of the largest."""


class LeftOut(StrEnum):
    """Items omitted because of a limit, or unreadable entries of a list. Labels: ``desk/texts/crawl_refusals.py``."""

    ADDRESSES = "addresses"
    CANVASES = "canvases"
    ELEMENTS = "elements"
    ENTRIES = "entries"
    FRAMES = "frames"
    PAGE_ENDS = "page-ends"
    SCRIPTS = "scripts"
    STYLE_SHEETS = "style-sheets"
    UNREAD_SHEETS = "unread-sheets"


def counts_of(numbers: Mapping[LeftOut, int]) -> dict[str, int]:
    """Return the non-zero counts by name."""
    return {str(name): number for name, number in numbers.items() if number}
