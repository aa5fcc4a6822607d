"""Test that hostile texts do not break rendering, hide other text, or extend beyond the page."""

import io
import unicodedata
from dataclasses import replace
from typing import Any

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from evidence.documents.drafts.rendering import DRAFT_DOCUMENTS, render_draft_pdf
from evidence.documents.report.facts import MAX_DETAILED_CASES, ReportFacts
from evidence.documents.sheets.deposit import DEPOSIT_PARTY, render_deposit_record
from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import CaseFacts, PartyFacts
from tests.assets.documents_sample import sample_case, sample_pictures, sample_report
from tests.assets.fonts import only_embedded_fonts
from tests.assets.pdf_text import text_of
from tests.assets.reports import render_report_pdf
from tests.assets.sealed_sample import sealed_sample

HOSTILE = {
    "a word without an end": "Donaudampfschiff" * 60,
    "digits without an end": "0123456789abcdef" * 40,
    "an Arabic word without an end": "مرحبابالعالم" * 30,
    "an override of direction": "invoice\u202egpj.exe\u202c \u2066hidden\u2069 \u200fmark",
    "controls": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029",
    "marks on one letter": "Z" + "\u0301\u0316\u035c" * 150,
    "emoji with joiners": "👩\u200d👩\u200d👧\u200d👦 🏳\ufe0f\u200d🌈 🇸🇪 1\ufe0f\u20e3",
    "rare and private characters": "\U00020000\U0002a6d6 \U00012000 \ue000 \U000f0000 \ufdd0 \uffff",
    "mixed scripts": "Привет שלום こんにちは 안녕하세요 नमस्ते สวัสดี",
    "markup": '#panic[x] $x$ <label> @ref \\ ]#eval("1")[ "); #image("/etc/passwd") //',
    "nothing but spaces": " \u00a0\u2003\u3000\t\n",
}
WORST = ("marks on one letter", "an Arabic word without an end")


def list_hostile_params(number: int) -> list[Any]:
    """Return names of texts: ``number`` of the worst, and all others in long test runs."""
    rest = (name for name in HOSTILE if name not in WORST[:number])
    return [*WORST[:number], *(pytest.param(name, marks=pytest.mark.long) for name in rest)]


PAGE_WIDTH = 595.3
RIGHT_EDGE = PAGE_WIDTH - 56
"""Points: the right margin is 22 mm, and a piece of text may start slightly before it."""


def hostile_case(text: str) -> CaseFacts:
    """Return the sample case with the text in every field that a site or an owner can write."""
    case = sample_case()
    sighting = replace(case.sightings[0], context=text, page_url=f"https://x.example/{text}", peer=text[:60])
    decision = replace(case.decision, by=text[:300], reason=text)
    work = replace(case.work, title=text, author=text, rights_statement=text)
    return replace(
        case, work=work, sightings=(sighting,), decision=decision, party=PartyFacts("domain", text), not_checked=(text,)
    )


def hostile_report(text: str, cases: int) -> ReportFacts:
    report, _ = sample_report(cases)
    cases_with_text = tuple(
        replace(case, facts=replace(hostile_case(text), number=case.facts.number)) for case in report.cases
    )
    owner = replace(report.owner, name=text, identity=text)
    return replace(report, title=text, owner=owner, preparer=text, cases=cases_with_text, not_checked=(text,))


def extract_text_starts(pdf: bytes) -> list[float]:
    """Return where each piece of text starts on the page, in points from the left."""
    starts: list[float] = []

    def visit(text: str, cm: list[float], tm: list[float], *_: object) -> None:
        if text.strip():
            starts.append(tm[4] * cm[0] + cm[4])

    for page in pypdf.PdfReader(io.BytesIO(pdf)).pages:
        page.extract_text(visitor_text=visit)
    return starts


@pytest.mark.long
def test_hostile_text_on_a_sheet_stays_inside_the_page() -> None:
    for what, text in HOSTILE.items():
        starts = extract_text_starts(render_exhibit_sheet(hostile_case(text), sample_pictures(), "en"))
        assert starts, what
        assert max(starts) < RIGHT_EDGE, what
        assert min(starts) >= 0, what


@pytest.mark.long
@pytest.mark.parametrize("text", list_hostile_params(1), ids=str)
def test_hostile_text_in_a_report_stays_inside_the_page(text: str) -> None:
    _, pictures = sample_report(1)
    assert max(extract_text_starts(render_report_pdf(hostile_report(HOSTILE[text], 1), pictures, "en"))) < RIGHT_EDGE


@pytest.mark.long
def test_hostile_text_on_cards_stays_inside_the_page() -> None:
    report, pictures = sample_report(MAX_DETAILED_CASES + 1)
    texts = list(HOSTILE.values())
    cases = tuple(
        replace(case, facts=replace(hostile_case(texts[place % len(texts)]), number=case.facts.number))
        for place, case in enumerate(report.cases)
    )
    assert max(extract_text_starts(render_report_pdf(replace(report, cases=cases), pictures, "en"))) < RIGHT_EDGE


@pytest.mark.long
@pytest.mark.parametrize("text", list_hostile_params(2), ids=str)
def test_hostile_text_in_deposit_records_and_documents_stays_inside_the_page(text: str) -> None:
    case = hostile_case(HOSTILE[text])
    record = replace(case, sightings=(), matches=(), party=PartyFacts(DEPOSIT_PARTY, ""))
    assert max(extract_text_starts(render_deposit_record(record, sample_pictures(), "en"))) < RIGHT_EDGE
    sealed_case = replace(sealed_sample(), facts=case)
    for kind in DRAFT_DOCUMENTS:
        assert max(extract_text_starts(render_draft_pdf(kind, sealed_case, language="en"))) < RIGHT_EDGE, kind


def test_invisible_characters_are_shown_as_code_points() -> None:
    text = text_of(render_exhibit_sheet(hostile_case(HOSTILE["an override of direction"]), sample_pictures(), "en"))
    for sign in "\u202e\u202c\u2066\u2069\u200f":
        assert sign not in text
        assert f"[U+{ord(sign):04X}]" in "".join(text.split())


@pytest.mark.long
def test_documents_render_without_fonts() -> None:
    with only_embedded_fonts():
        for text in HOSTILE.values():
            assert render_exhibit_sheet(hostile_case(text), sample_pictures(), "en")


@pytest.mark.long
@settings(max_examples=settings().max_examples // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=120))
def test_arbitrary_text_renders_a_sheet(text: str) -> None:
    with only_embedded_fonts():
        pdf = render_exhibit_sheet(hostile_case(text), {}, "en")
    sheet_text = text_of(pdf)
    assert not [sign for sign in sheet_text if unicodedata.category(sign) in {"Cs", "Co"}]
