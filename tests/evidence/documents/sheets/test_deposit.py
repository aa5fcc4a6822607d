"""Test that a deposit record states declared and recorded facts, and makes no accusation."""

from dataclasses import replace
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from evidence.documents.sheets.deposit import DEPOSIT_PARTY, MAX_PICTURES, render_deposit_record
from evidence.facts.case import CaseFacts, PartyFacts
from tests.assets.documents_sample import NOON, phrase, sample_case, sample_pictures
from tests.assets.pdf_text import reader, text_of


@pytest.fixture(scope="module")
def facts() -> CaseFacts:
    return replace(sample_case(), sightings=(), matches=(), party=PartyFacts(DEPOSIT_PARTY, ""))


def test_deposit_record_states_and_attaches_facts(facts: CaseFacts) -> None:
    pdf = render_deposit_record(facts, sample_pictures(), "en")
    text = text_of(pdf)
    for words in (
        "Author Mara Lindqvist declared",
        "Sample Copyright Office VA 2-000-000 (2025-01-15)",
        "900 × 600",
        "log.sample.example",
    ):
        assert words in text, words
    assert facts.work.pictures[0].digest.hex in text.replace(" ", "")
    assert "prints-and-more.example" not in text
    assert reader(pdf).attachments["facts.json"] == [facts.to_json()]


PAGE = "https://exhibit.example.org/id/0123456789abcdef/"


def test_public_page_is_shown_as_qr_code(facts: CaseFacts) -> None:
    opened = replace(facts, work=replace(facts.work, public_page=PAGE))
    pdf = render_deposit_record(opened, {}, "en")
    assert PAGE in text_of(pdf).replace(" ", "")
    assert render_deposit_record(opened, {}, "en") == pdf
    assert read_codes(pdf) == [PAGE]
    assert read_codes(render_deposit_record(facts, {}, "en")) == []


def test_url_too_long_for_qr_code_is_shown_as_text(facts: CaseFacts) -> None:
    long = replace(facts, work=replace(facts.work, public_page=PAGE + "a" * 5000))
    assert read_codes(render_deposit_record(long, {}, "en")) == []


def read_codes(pdf: bytes) -> list[str]:
    """Return the contents of the QR codes among a document's images."""
    pictures = [
        np.asarray(Image.open(BytesIO(image.data)).convert("L")) for page in reader(pdf).pages for image in page.images
    ]
    return [content for picture in pictures if (content := cv2.QRCodeDetector().detectAndDecode(picture)[0])]


def test_deposit_record_states_missing_pictures_omitted_rows_and_earlier_registration(facts: CaseFacts) -> None:
    many = replace(facts.work, registration=None, earlier_registration=NOON, pictures=facts.work.pictures * 14)
    text = text_of(render_deposit_record(replace(facts, work=many), {}, "en"))
    assert phrase("document.listed_of", shown=f"{MAX_PICTURES}", all="14") in text
    assert phrase("picture.missing") in text
    assert "2026-11-20" in text
    assert "log.sample.example" not in text
