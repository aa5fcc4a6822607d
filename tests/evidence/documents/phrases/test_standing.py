"""What the software never checks is said once, in the language of the document."""

from dataclasses import replace

from evidence.documents.phrases.standing import standing_unchecked
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from tests.assets.documents_sample import (
    sample_case,
    sample_pictures,
)
from tests.assets.pdf_text import text_of


def test_standing_sentences_stand_once_and_in_the_language_of_the_document() -> None:
    twice = (*standing_unchecked("en"), *standing_unchecked("zh-Hans"), "One of its own.")
    text = text_of(render_exhibit_sheet(replace(sample_case(), not_checked=twice), sample_pictures(), "en"))
    assert text.count("Who operates the site or the account: not checked.") == 1
    assert "One of its own." in text
    assert "未核查" not in text
