"""Test that cards summarise many cases: decision, URLs, and timestamp services."""

import math
import re
from dataclasses import replace

import pytest

from evidence.documents.report.facts import MAX_DETAILED_CASES, PageStatus
from tests.assets.documents_sample import part, phrase, sample_report
from tests.assets.pdf_text import reader, text_of
from tests.assets.reports import render_report_pdf


@pytest.fixture(scope="module")
def pdf() -> bytes:
    facts, pictures = sample_report(MAX_DETAILED_CASES + 1)
    return render_report_pdf(facts, pictures, "en")


@pytest.fixture(scope="module")
def cards(pdf: bytes) -> str:
    return text_of(pdf)


@pytest.mark.long
def test_many_cases_appear_on_cards_three_per_page(pdf: bytes) -> None:
    assert len(reader(pdf).pages) <= MAX_DETAILED_CASES / 3 + 6


@pytest.mark.long
def test_card_states_decision_timestamp_and_licence(cards: str) -> None:
    assert "Not licensed: believed to be used without permission declared" in cards
    assert phrase("card.timestamp", time="2026-11-20 12:00:00 UTC", name="Example Time Authority") in cards
    assert phrase("card.licence_none", time="2026-11-20 11:00:00 UTC") in cards


@pytest.mark.long
def test_case_list_gives_page_numbers(cards: str) -> None:
    listed = re.findall(r"Not licensed: believed to be used without permission 1 (\d+)", cards)
    assert len(listed) == MAX_DETAILED_CASES + 1
    assert listed == sorted(listed, key=int)
    assert len(set(listed)) == math.ceil(len(listed) / 3)


@pytest.mark.long
def test_digest_on_card_wraps_instead_of_truncating(cards: str) -> None:
    digest = sample_report(1)[0].cases[0].seal
    assert digest is not None
    assert digest.hex not in cards
    assert digest.hex in cards.replace(" ", "")


@pytest.mark.long
@pytest.mark.parametrize("cases", [1, MAX_DETAILED_CASES + 1])
def test_report_states_earlier_decision_and_page_status(cases: int, cards: str) -> None:
    facts, pictures = sample_report(cases)
    place = PageStatus("https://shop.example/", "https://shop.example/a.jpg", "removed", facts.generated_at)
    changed_facts = replace(facts, cases=tuple(replace(case, earlier=True, standings=(place,)) for case in facts.cases))
    text = text_of(render_report_pdf(changed_facts, pictures, "en"))
    assert text.count(phrase("card.earlier_decision")) == cases
    assert text.count(phrase("standing.removed")) == cases
    assert part("card.earlier_decision") not in cards
    assert "Last visit" not in cards
