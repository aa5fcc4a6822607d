"""Extraction of PDF pages without active content.

The appearance of the pages is preserved. Scripts, actions, links and embedded files are removed. Files come from owners
and third parties, so a sandboxed helper process reads them within limits (``pdf_pages_helper``).
"""

import tempfile
from dataclasses import dataclass

from evidence.formats.pdf_content import MAX_BYTES
from exhibit.errors import RefusedError
from exhibit.helper import Helper, HelperDiedError
from exhibit.sentences import Sentence

helper = Helper("evidence.formats.pdf_pages_helper")
MAX_SECONDS = 20.0
MAX_MEMORY = 1 << 30
PAGES_NOT_EXTRACTED = Sentence("The pages of the PDF cannot be extracted.")


@dataclass(frozen=True, slots=True)
class ExtractedPages:
    """Extracted pages of a PDF."""

    data: bytes  # PDF with only these pages
    sizes: tuple[tuple[float, float], ...]  # width and height of each page as displayed, in points
    page_count: int  # number of pages in the whole file
    omitted_notes: int  # annotations and fields that are not shown, because they define no appearance
    has_layers: bool  # true if the file has layers that a reader may hide; all are shown


def extract_pages(data: bytes, max_pages: int) -> ExtractedPages:
    """Return the first ``max_pages`` pages of a PDF; the same input gives the same bytes.

    Annotations and form fields are drawn at their position with the appearance that the file defines.

    Raises:
        RefusedError: With the reason ``large``, ``encrypted``, ``damaged``, ``active`` (content that would run or open
            something remains), ``time``, ``memory`` or ``crash``.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError(PAGES_NOT_EXTRACTED, reason="large")
    try:
        with tempfile.TemporaryDirectory(prefix="exhibit-pages-") as folder:  # a killed helper would leave it
            result, output = helper.send_request(
                {"most": max_pages, "folder": folder}, data, seconds=MAX_SECONDS, memory=MAX_MEMORY
            )
    except HelperDiedError as error:
        raise RefusedError(PAGES_NOT_EXTRACTED, reason=error.reason) from error
    if "reason" in result:
        raise RefusedError(PAGES_NOT_EXTRACTED, reason=result["reason"])
    sizes = tuple((width, height) for width, height in result["sizes"])
    return ExtractedPages(output.tobytes(), sizes, result["of"], result["notes"], result["layers"])
