"""How much of one document is read: every limit of the reader and the crawler on what a page may name.

Real pages stay below these numbers; pages that were made to exhaust a crawler don't. Whatever a limit leaves out is
counted by :class:`LeftOut` and shown with the run.
"""

from collections.abc import Mapping
from enum import StrEnum

MIB = 1024 * 1024

ADDRESS_CHARACTERS = 8_192
"""The longest address that is visited."""
DOCUMENT_CHARACTERS = 64 * MIB
"""Characters of all addresses that one document may name; each counts 200 more."""
SITEMAP_BYTES = 52_428_800
"""The largest sitemap once unpacked (sitemaps.org 0.9)."""
REDIRECTS = 10
"""Redirects of one request; RFC 9309, 2.3.1.2 asks for at least five."""

STYLE_SHEETS = 64
"""Style sheets that one page links; those of its own host come first."""
IMPORTED_SHEETS = 64
"""Style sheets that those of one page import, at any depth."""
STYLE_SHEET_BYTES = 4 * MIB

FRAMES_DEEP = 8
"""Pages within one another that stand in ``srcdoc``."""
SCRIPTS = 200
"""Addresses of a page's scripts that are remembered to decide whether it is rendered."""
SCRIPT_PICTURES = 20_000
"""Addresses of pictures that the scripts of one page name."""
SCRIPT_CHARACTERS = 16 * MIB
"""Characters of one script or attribute that are searched for addresses; a page has at most ``max_page_bytes``."""
JSON_NODES = 500_000
"""Values of one JSON or JSON-LD script that are looked at."""

RENDERED_ELEMENTS = 50_000
"""Elements of a rendered page whose style is looked at."""
STYLED_PICTURES = 10_000
"""Addresses of pictures that the styles of a rendered page name."""
CANVASES, CANVAS_PIXELS = 32, 8_000_000
"""Canvases of a rendered page that are kept, and the pixels of the largest one."""


class LeftOut(StrEnum):
    """What a limit left out, or what of a list couldn't be read. Their words: ``desk/texts/crawl_refusals.py``."""

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
    """Return those of the counts that aren't zero, by the word of each."""
    return {str(name): number for name, number in numbers.items() if number}
