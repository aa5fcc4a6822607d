"""The exhibit sheet: where, when, how sure, and who says so."""

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from tests.assets.documents_sample import (
    sample_case,
    sample_pictures,
)
from tests.assets.pdf_text import text_of


def test_the_sheet_says_where_when_and_how_sure(sheet: str) -> None:
    for words in (
        "Case 12 · bundle 1 · prints-and-more.example",
        "Autumn Hills — canvas print",
        "HTTP 200 · 203.0.113.9",
        "2026-11-18 11:46:55 UTC · 2026-11-18 19:46:55 +0800 Asia/Shanghai",
        "38 of 256 bits differ",
        "412 distinct points agree with one transform",
        "93% (0.937)",
        "Likelihood ratio not calibrated",
        "searched at 2026-11-20 11:00:00 UTC, cover no such use",
        "Not licensed: believed to be used without permission",
        "Jonas Ek",
        "The site's own upload date was not checked.",
        "Exceptions and limitations of the law (quotation, fair use, parody and others): not checked.",
        "Not legal advice. Made by no court, notary or authority.",
    ):
        assert words in sheet, words


def test_digests_and_addresses_can_be_copied_out_whole() -> None:
    pdf = render_exhibit_sheet(sample_case(), sample_pictures(), "en")
    joined = "".join(text_of(pdf).split())
    case = sample_case()
    assert case.sightings[0].page_url in joined
    assert case.sightings[0].picture.digest.hex in joined


def test_each_fact_has_its_speaker(sheet: str) -> None:
    assert "Author Mara Lindqvist declared" in sheet
    assert "Ships worldwide. stated" in sheet
    assert "Log entry 12 recorded" in sheet
