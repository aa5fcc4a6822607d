"""Limits of the reader and the crawler for the content of a single document.

Real pages stay below these numbers; pages made to exhaust a crawler exceed them. Everything that a limit omits is
counted by :class:`OmittedItem` and shown with the crawl.
"""

from collections.abc import Mapping
from enum import StrEnum

MIB = 1024 * 1024

MAX_URL_CHARS = 8_192
"""Maximum length of a visited URL."""
MAX_DOCUMENT_URL_CHARS = 64 * MIB
"""Maximum characters of all URLs in one document; each URL counts 200 more."""
MAX_SITEMAP_BYTES = 52_428_800
"""Maximum uncompressed size of a sitemap (sitemaps.org 0.9)."""
MAX_REDIRECTS = 10
"""Maximum redirects of one request; RFC 9309, 2.3.1.2 requires at least five."""

MAX_STYLE_SHEETS = 64
"""Maximum style sheets linked by one page; those of its own host come first."""
MAX_IMPORTED_SHEETS = 64
"""Maximum style sheets imported by those of one page, at any depth."""
MAX_STYLE_SHEET_BYTES = 4 * MIB

MAX_FRAME_DEPTH = 8
"""Maximum depth of nested ``srcdoc`` frames."""
MAX_SCRIPT_URLS = 200
"""Maximum script URLs of a page that are stored to decide whether to render it."""
MAX_SCRIPT_PICTURES = 20_000
"""Maximum image URLs in the scripts of one page."""
MAX_SCRIPT_CHARS = 16 * MIB
"""Maximum characters of one script or attribute that are searched for URLs; a page has at most ``max_page_bytes``."""
MAX_JSON_NODES = 500_000
"""Maximum values examined in one JSON or JSON-LD script."""

MAX_RENDERED_ELEMENTS = 50_000
"""Maximum elements of a rendered page whose style is examined."""
MAX_STYLED_PICTURES = 10_000
"""Maximum image URLs in the styles of a rendered page."""
MAX_CANVASES, MAX_CANVAS_PIXELS = 32, 8_000_000
"""Maximum canvases stored per rendered page, and maximum pixels of a canvas."""


class OmittedItem(StrEnum):
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


def get_nonzero_counts(counts: Mapping[OmittedItem, int]) -> dict[str, int]:
    """Return the non-zero counts by name."""
    return {str(name): count for name, count in counts.items() if count}
