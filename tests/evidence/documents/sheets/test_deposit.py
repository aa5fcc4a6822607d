"""The record of a deposit: what was declared and what was recorded, and nobody is named as having done anything."""

from dataclasses import replace

import pytest

from evidence.documents.sheets.deposit import DEPOSIT_PARTY, SHOWN_PICTURES, render_deposit_record
from evidence.facts.case import CaseFacts, PartyFacts
from tests.assets.documents_sample import NOON, sample_case, sample_pictures
from tests.assets.pdf_text import reader, text_of


@pytest.fixture(scope="module")
def facts() -> CaseFacts:
    return replace(sample_case(), sightings=(), matches=(), party=PartyFacts(DEPOSIT_PARTY, ""))


def test_it_says_what_was_declared_and_recorded_and_carries_its_facts(facts: CaseFacts) -> None:
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


def test_what_is_missing_or_earlier_or_too_much_is_said(facts: CaseFacts) -> None:
    many = replace(facts.work, registration=None, earlier_registration=NOON, pictures=facts.work.pictures * 14)
    text = text_of(render_deposit_record(replace(facts, work=many), {}, "en"))
    assert f"The first {SHOWN_PICTURES} of 14 are listed here" in text
    assert "This picture is not part of this document." in text
    assert "2026-11-20" in text
    assert "log.sample.example" not in text
