"""Test the PDF of a notice: its text, and the images side by side or the reason why one is missing."""

import io
import re
from typing import Any

import pypdf

from exhibit.clock import now
from registry.models import Case, Owner
from registry.notices import notices
from registry.notices.contents import build_items, build_letter
from registry.notices.notice_pdf import render_notice_pdf
from tests.assets.notice_drafts import create_draft
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


def test_pdf_shows_notice_and_pictures_and_lists_missing_pictures(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio)
    lost = Case.objects.get(number=2).shown
    assert lost is not None
    inline.services.blobs.remove(lost.match.found.digest)
    pdf = render_notice_pdf(inline.services, row, build_letter(row), build_items(row), now())
    text = " ".join(" ".join(page.extract_text().split()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    for phrase in (
        "Copyright Agent",
        "Ann Example",
        "1. Two parrots: the work, and the picture recorded at",
        "not shown:",
    ):
        assert phrase in text
    assert pdf.count(b"/DCTDecode") == 1
    offer = create_draft(studio, "offer")
    assert b"/DCTDecode" not in render_notice_pdf(
        inline.services, offer, build_letter(offer), build_items(offer), now()
    )


def test_german_notice_has_german_footer_and_captions(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio, "dsa", "de")
    pdf = render_notice_pdf(inline.services, row, build_letter(row), build_items(row), now())
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    text = " ".join(" ".join(page.extract_text().split()) for page in reader.pages)
    for phrase in (
        "in gutem Glauben",
        "1. Two parrots: das Werk",
        "Keine Rechtsberatung.",
        f"1 von {len(reader.pages)}",
    ):
        assert phrase in text
    assert str(reader.root_object["/Lang"]).startswith("de")
    assert re.search(r"auf \d+\u00a0% der Fläche", build_letter(row).text)
    assert f"zuletzt am {now():%d.%m.%Y} " in build_letter(row).text


def test_only_headings_of_the_wording_are_bold(studio: Owner, inline: SyncRunner) -> None:
    row = create_draft(studio, "dsa", "en", 1)
    notices.save_fields(row, {"further": "7. One sentence of the signer's."}, ["further"])
    row = notices.get_notice(studio, row.number)
    fonts: dict[str, str] = {}

    def collect_text(text: str, _cm: object, _tm: object, font: Any, _size: object) -> None:  # noqa: ANN401 - a PDF object
        fonts[text.strip()[:8]] = str(font["/BaseFont"]) if font else ""

    for page in pypdf.PdfReader(
        io.BytesIO(render_notice_pdf(inline.services, row, build_letter(row), build_items(row), now()))
    ).pages:
        page.extract_text(visitor_text=collect_text)
    assert fonts["4. State"] != fonts["7. One s"] == fonts["To: Copy"]
