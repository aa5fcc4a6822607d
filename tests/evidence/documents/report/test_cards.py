"""Test that cards summarise many cases: who decided, where each was seen, which services timestamped it."""

import math
import re
from dataclasses import replace

import pytest

from evidence.documents.report.facts import AT_LENGTH, PlaceStanding
from tests.assets.documents_sample import part, phrase, sample_report
from tests.assets.pdf_text import reader, text_of
from tests.assets.reports import render_report_pdf


@pytest.fixture(scope="module")
def pdf() -> bytes:
    facts, pictures = sample_report(AT_LENGTH + 1)
    return render_report_pdf(facts, pictures, "en")


@pytest.fixture(scope="module")
def cards(pdf: bytes) -> str:
    return text_of(pdf)


@pytest.mark.long
def test_many_cases_stand_on_cards_three_to_a_page(pdf: bytes) -> None:
    assert len(reader(pdf).pages) <= AT_LENGTH / 3 + 6


@pytest.mark.long
def test_a_card_says_who_decided_where_it_was_seen_and_which_services_timestamped_it(cards: str) -> None:
    assert "Not licensed: believed to be used without permission declared" in cards
    assert phrase("card.witnessed", time="2026-11-20 12:00:00 UTC", name="Example Time Authority") in cards
    assert phrase("card.licence_none", time="2026-11-20 11:00:00 UTC") in cards


@pytest.mark.long
def test_the_list_of_cases_gives_the_page_of_each(cards: str) -> None:
    listed = re.findall(r"Not licensed: believed to be used without permission 1 (\d+)", cards)
    assert len(listed) == AT_LENGTH + 1
    assert listed == sorted(listed, key=int)
    assert len(set(listed)) == math.ceil(len(listed) / 3)


@pytest.mark.long
def test_a_digest_on_a_card_is_broken_instead_of_cut(cards: str) -> None:
    digest = sample_report(1)[0].cases[0].seal
    assert digest is not None
    assert digest.hex not in cards
    assert digest.hex in cards.replace(" ", "")


@pytest.mark.long
@pytest.mark.parametrize("cases", [1, AT_LENGTH + 1])
def test_a_report_says_under_which_decision_was_sealed_and_how_the_places_stand(cases: int, cards: str) -> None:
    facts, pictures = sample_report(cases)
    place = PlaceStanding("https://shop.example/", "https://shop.example/a.jpg", "removed", facts.generated_at)
    changed_facts = replace(facts, cases=tuple(replace(case, earlier=True, standings=(place,)) for case in facts.cases))
    text = text_of(render_report_pdf(changed_facts, pictures, "en"))
    assert text.count(phrase("card.earlier_decision")) == cases
    assert text.count(phrase("standing.removed")) == cases
    assert part("card.earlier_decision") not in cards
    assert "Last visit" not in cards
