"""Test the PDF report: its pages, its embedded data, and its first page."""

import io
import re
import time
from pathlib import Path

import pypdf
import pytest

import crawler
from desk.texts import crawl_refusals
from evidence.documents.phrases import list_languages, load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.documents.report.facts import FAILURE_REASONS
from evidence.documents.report.pdf import build_glossary_section
from evidence.documents.typeset.blocks import Rows
from exhibit.reasons import Reason
from tests.assets.documents_sample import (
    part,
    phrase,
    sample_report,
)
from tests.assets.pdf_text import reader, text_of
from tests.assets.reports import render_report_pdf


def test_development_timestamp_service_is_on_first_page() -> None:
    facts, pictures = sample_report(1)
    first = pypdf.PdfReader(io.BytesIO(render_report_pdf(facts, pictures, "en"))).pages[0].extract_text()
    assert part("timestamp.development_title") in first


def test_report_without_cases_states_its_limits() -> None:
    facts, _ = sample_report(0)
    text = text_of(render_report_pdf(facts, {}, "en"))
    assert phrase("report.no_cases") in text


def test_report_attaches_its_data() -> None:
    facts, by_case = sample_report(2)
    attached = reader(render_report_pdf(facts, by_case, "en")).attachments
    assert attached["report.json"] == [facts.to_json()]


def test_report_does_not_mention_computing_costs() -> None:
    facts, by_case = sample_report(2)
    text = text_of(render_report_pdf(facts, by_case, "en"))
    assert [words for words in ("USD", "processor core") if words in text] == []
    assert b'"cost"' not in facts.to_json()


def test_pages_are_numbered_with_their_case() -> None:
    facts, by_case = sample_report(2)
    pages = reader(render_report_pdf(facts, by_case, "en")).pages
    assert f"1 of {len(pages)}" in pages[0].extract_text()
    for page in pages[1:]:
        assert "prints-and-more.example" in page.extract_text() or "Autumn watch" in page.extract_text()
    assert "Case 2 · prints-and-more.example" in " ".join(pages[4].extract_text().split())


@pytest.mark.long
def test_contents_appear_for_more_than_three_cases() -> None:
    few, few_pictures = sample_report(3)
    many, many_pictures = sample_report(4)
    assert "Contents" not in text_of(render_report_pdf(few, few_pictures, "en"))
    assert "Contents" in text_of(render_report_pdf(many, many_pictures, "en"))


@pytest.mark.long
def test_hundred_cases_render_within_time_limit() -> None:
    facts, by_case = sample_report(100)
    started = time.perf_counter()
    pdf = render_report_pdf(facts, by_case, "en")
    assert time.perf_counter() - started < 30
    assert len(reader(pdf).pages) > 100 / 3


def test_refusals_are_explained_in_words(report: str) -> None:
    assert "forbidden by robots.txt 24" in report
    assert "address in a private network 1" in report


REASONS = re.compile(
    r'reason="([a-z-]+)"|Refused\("([a-z-]+)"|_refusal\([^,]+, "([a-z-]+)"|return "([a-z-]+)", (?:f|Sentence\()?"'
    r'|\), "([a-z-]+)", (?:Sentence\()?"|\("([a-z-]+)", "The job'
)
"""Reasons of refusals, named by the crawler and its libraries, that are not a ``Reason``."""


def test_every_refusal_reason_has_a_text() -> None:
    root = Path(crawler.__file__).parents[1]
    sources = [*root.glob("crawler/**/*.py"), *root.glob("exhibit/**/*.py"), root / "registry/crawls/crawling.py"]
    reasons = {next(filter(None, match)) for path in sources for match in REASONS.findall(path.read_text("utf-8"))}
    reasons |= {
        *map(str, Reason),
        *(reason_code for reason_code in crawl_refusals.REASON_SENTENCES if not reason_code.startswith("http-")),
    }
    for language in list_languages():
        sentences = load_phrases(language).sentences
        assert {reason for reason in reasons if f"refused.{reason}" not in sentences} == set()
    assert {"incomplete", "redirects", "broke-off", "bad-encoding", "error", "timeout"} <= set(FAILURE_REASONS)


def test_report_states_why_each_crawl_ended(report: str) -> None:
    squeezed = report.replace(" ", "")
    assert "https://prints.example/ahttps://b.example/" in squeezed
    assert phrase("ended.budget-pages").replace(" ", "") in squeezed
    _, _, failed = report.partition(part("coverage.failed"))
    assert f"{phrase('refused.incomplete')} 2" in failed


def test_report_ends_with_glossary(report: str) -> None:
    _, title, rest = report.partition(part("heading.glossary"))
    assert title
    assert phrase("meaning.not_checked") in rest.replace("\u2019", "'")


def test_every_term_has_a_distinct_meaning_in_each_language() -> None:
    for language in list_languages():
        section = build_glossary_section(Wording(load_phrases(language)))
        [rows] = section.blocks
        assert isinstance(rows, Rows)
        assert len({row.label for row in rows.rows}) == len({row.lines for row in rows.rows}) == len(rows.rows)
        assert all(len(line.text) > len(row.label) for row in rows.rows for line in row.lines), language
