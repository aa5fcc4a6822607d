"""Extraction of a PDF's pages only: their appearance stays; anything that runs, opens or embeds something is removed.

Files come from owners and third parties, so a child process reads them, within limits (``pdf_pages_helper``).
"""

import tempfile
from dataclasses import dataclass

from evidence.formats.pdf_content import MAX_BYTES
from exhibit.errors import RefusedError
from exhibit.helper import Helper, HelperDiedError
from exhibit.sentences import Sentence

helper = Helper("evidence.formats.pdf_pages_helper")
SECONDS = 20.0
MEMORY = 1 << 30
PAGES_NOT_EXTRACTED = Sentence("The pages of the PDF cannot be extracted.")


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages of a PDF."""

    data: bytes  # a PDF with only these pages
    sizes: tuple[tuple[float, float], ...]  # width and height of each as displayed, points
    of: int  # number of pages in the whole file
    notes: int  # notes and fields on these pages that define no appearance, and so are not shown
    layers: bool  # true if the file has layers that a reader may hide; all are shown


def extract_pages(data: bytes, max_pages: int) -> Pages:
    """Return the first ``max_pages`` pages of a PDF; the same input gives the same bytes.

    Notes and form fields are drawn in their place with the appearance that the file defines.

    Raises:
        RefusedError: With the reason ``large``, ``encrypted``, ``damaged``, ``active`` (content that would run or open
            something remains), ``time``, ``memory`` or ``crash``.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError(PAGES_NOT_EXTRACTED, reason="large")
    try:
        with tempfile.TemporaryDirectory(prefix="exhibit-pages-") as folder:  # here: a killed helper would leave it
            result, output = helper.ask({"most": max_pages, "folder": folder}, data, seconds=SECONDS, memory=MEMORY)
    except HelperDiedError as error:
        raise RefusedError(PAGES_NOT_EXTRACTED, reason=error.reason) from error
    if "reason" in result:
        raise RefusedError(PAGES_NOT_EXTRACTED, reason=result["reason"])
    sizes = tuple((width, height) for width, height in result["sizes"])
    return Pages(output.tobytes(), sizes, result["of"], result["notes"], result["layers"])
