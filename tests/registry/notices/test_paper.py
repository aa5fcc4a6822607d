"""Test a notice as a PDF: its words, and the images side by side, or the reason for their absence."""

import io
import re
from typing import Any

import pypdf

from exhibit.clock import now
from registry.models import Case, Owner
from registry.notices import notices
from registry.notices.contents import items_of, letter
from registry.notices.paper import notice_pdf
from tests.assets.noticed import begun
from tests.assets.noticed_once import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_it_has_the_letter_and_the_pictures_and_says_which_cannot_be_shown(studio: Owner, inline: SyncRunner) -> None:
    row = begun(studio)
    lost = Case.objects.get(number=2).shown
    assert lost is not None
    inline.services.blobs.remove(lost.match.found.digest)
    pdf = notice_pdf(inline.services, row, letter(row), items_of(row), now())
    text = " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    for words in (
        "Copyright Agent",
        "Ann Example",
        "1. Two parrots: the work, and the picture recorded at",
        "not shown:",
    ):
        assert words in text
    assert pdf.count(b"/DCTDecode") == 1
    offer = begun(studio, "offer")
    assert b"/DCTDecode" not in notice_pdf(inline.services, offer, letter(offer), items_of(offer), now())


def test_a_language_in_which_only_notices_are_written_has_its_own_feet_and_captions(
    studio: Owner, inline: SyncRunner
) -> None:
    row = begun(studio, "dsa", "de")
    pdf = notice_pdf(inline.services, row, letter(row), items_of(row), now())
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    text = " ".join(" ".join(page.extract_text().split()) for page in reader.pages)
    for words in (
        "in gutem Glauben",
        "1. Two parrots: das Werk",
        "Keine Rechtsberatung.",
        f"1 von {len(reader.pages)}",
    ):
        assert words in text
    assert str(reader.root_object["/Lang"]).startswith("de")
    assert re.search(r"auf \d+\u00a0% der Fläche", letter(row).text)
    assert f"zuletzt am {now():%d.%m.%Y} " in letter(row).text


def test_only_headings_of_the_wording_are_bold(studio: Owner, inline: SyncRunner) -> None:
    row = begun(studio, "dsa", "en", 1)
    notices.fill(row, {"further": "7. One sentence of the signer's."}, ["further"])
    row = notices.notice(studio, row.number)
    fonts: dict[str, str] = {}

    def seen(text: str, _cm: object, _tm: object, font: Any, _size: object) -> None:  # noqa: ANN401 - a PDF object
        fonts[text.strip()[:8]] = str(font["/BaseFont"]) if font else ""

    for page in pypdf.PdfReader(io.BytesIO(notice_pdf(inline.services, row, letter(row), items_of(row), now()))).pages:
        page.extract_text(visitor_text=seen)
    assert fonts["4. State"] != fonts["7. One s"] == fonts["To: Copy"]
