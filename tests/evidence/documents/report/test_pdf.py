"""The report as PDF: its pages, its data, and what stands on the first page."""

import io
import time

import pypdf
import pytest

from evidence.documents import render_report_json
from tests.assets.documents_sample import (
    sample_report,
)
from tests.assets.pdf_text import reader, text_of
from tests.assets.reports import render_report_pdf


def test_a_development_witness_is_named_on_the_first_page() -> None:
    facts, pictures = sample_report(1)
    first = pypdf.PdfReader(io.BytesIO(render_report_pdf(facts, pictures, "en"))).pages[0].extract_text()
    assert "without legal weight" in first


def test_a_report_without_cases_claims_nothing_about_other_places() -> None:
    facts, _ = sample_report(0)
    text = text_of(render_report_pdf(facts, {}, "en"))
    assert "recorded no case in this period" in text


def test_the_report_carries_its_data() -> None:
    facts, by_case = sample_report(2)
    attached = reader(render_report_pdf(facts, by_case, "en")).attachments
    assert attached["report.json"] == [render_report_json(facts)]


def test_pages_are_numbered_and_named_after_their_case() -> None:
    facts, by_case = sample_report(2)
    pages = reader(render_report_pdf(facts, by_case, "en")).pages
    assert f"1 of {len(pages)}" in pages[0].extract_text()
    for page in pages[1:]:
        assert "prints-and-more.example" in page.extract_text() or "Autumn watch" in page.extract_text()
    assert "Case 2 · prints-and-more.example" in " ".join(pages[4].extract_text().split())


def test_contents_stand_in_reports_of_more_than_three_cases() -> None:
    few, few_pictures = sample_report(3)
    many, many_pictures = sample_report(4)
    assert "Contents" not in text_of(render_report_pdf(few, few_pictures, "en"))
    assert "Contents" in text_of(render_report_pdf(many, many_pictures, "en"))


@pytest.mark.long
def test_a_hundred_cases_take_seconds() -> None:
    facts, by_case = sample_report(100)
    started = time.perf_counter()
    pdf = render_report_pdf(facts, by_case, "en")
    assert time.perf_counter() - started < 30
    assert len(reader(pdf).pages) > 100 / 3
