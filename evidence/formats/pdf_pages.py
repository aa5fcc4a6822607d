"""A PDF's pages and nothing else that it holds: what it shows stays, what would run, open or carry something goes.

Files come from owners and strangers, so a child process reads them, within limits (``pdf_pages_helper``).
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
REFUSED = Sentence("The pages of the PDF can't be taken out.")


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages of a PDF."""

    data: bytes  # a PDF of these pages, and of nothing else
    sizes: tuple[tuple[float, float], ...]  # width and height of each as it is shown, points
    of: int  # pages of the whole file
    notes: int  # notes and fields on these pages that say nothing of how they look, and so aren't shown
    layers: bool  # whether the file has layers that a reader may hide: all are shown


def pages_of(data: bytes, most: int) -> Pages:
    """The first pages of a PDF, ``most`` of them; same input, same bytes.

    Notes and form fields are drawn where they stand, as the file itself says they look. Raises ``RefusedError`` with
    the reason ``large``, ``encrypted``, ``damaged``, ``active`` (something that would run or open stays in it),
    ``time``, ``memory`` or ``crash``.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError(REFUSED, reason="large")
    try:
        with tempfile.TemporaryDirectory(prefix="exhibit-pages-") as folder:  # here: a killed helper would leave it
            told, made = helper.ask({"most": most, "folder": folder}, data, seconds=SECONDS, memory=MEMORY)
    except HelperDiedError as died:
        raise RefusedError(REFUSED, reason=died.reason) from died
    if "reason" in told:
        raise RefusedError(REFUSED, reason=told["reason"])
    sizes = tuple((width, height) for width, height in told["sizes"])
    return Pages(made.tobytes(), sizes, told["of"], told["notes"], told["layers"])
