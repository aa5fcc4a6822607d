"""The report as CSV: what a spreadsheet reads, and what it must never compute."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.documents import ReportFacts
from evidence.documents.report.csv import FORMULA_SIGNS, safe_cell
from tests.assets.documents_sample import sample_report
from tests.assets.reports import render_report_csv


def rows_of(report: ReportFacts) -> list[dict[str, str]]:
    text = render_report_csv(report).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def with_context(context: str) -> ReportFacts:
    report, _ = sample_report(1)
    case = report.cases[0]
    sighting = replace(case.facts.sightings[0], context=context)
    return replace(report, cases=(replace(case, facts=replace(case.facts, sightings=(sighting,))),))


def test_the_file_follows_rfc_4180_with_a_byte_order_mark() -> None:
    data = render_report_csv(with_context('says "hello", twice'))
    assert data.startswith(b"\xef\xbb\xbfcase,")
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n") == 2
    assert b'"says ""hello"", twice"' in data


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n@x", "  =1", "＝1+1", "\u00a0=1", '=HYPERLINK("http://x")'],
)
def test_formulas_are_shown_and_never_computed(text: str) -> None:
    assert safe_cell(text).startswith("'")
    assert rows_of(with_context(text))[0]["context"].startswith("'")


@pytest.mark.parametrize("text", ["", "plain", "a=b", "2026-11-20", "秋山", "https://example.org/?a=1"])
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


def test_numbers_are_not_taken_for_formulas() -> None:
    report, _ = sample_report(1)
    case = report.cases[0]
    match = case.facts.matches[0]
    turned = replace(match, verification=replace(match.verification, rotation=-90))
    changed = replace(report, cases=(replace(case, facts=replace(case.facts, matches=(turned,))),))
    assert rows_of(changed)[0]["rotation_degrees"] == "-90"


@given(st.text(max_size=60))
def test_no_text_breaks_the_file_or_starts_a_formula(text: str) -> None:
    cell = safe_cell(text)
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow([cell, "end"])
    assert next(csv.reader(io.StringIO(out.getvalue(), newline=""), strict=True)) == [cell, "end"]
    assert not cell.startswith((*FORMULA_SIGNS, "\t", "\r", "\n"))
    assert "\x00" not in cell
    cell.encode()
