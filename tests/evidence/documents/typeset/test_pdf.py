"""The PDF files themselves: PDF/A-3b, the same bytes each time, and no title that can break or steer them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import CaseFacts
from tests.assets.documents_sample import NOON, sample_case, sample_report
from tests.assets.pdf_text import metadata_of, reader, root_of
from tests.assets.reports import render_report_pdf


def test_both_documents_declare_pdf_a_3b(pictures: Mapping[str, bytes]) -> None:
    facts, by_case = sample_report(1)
    for pdf in (render_exhibit_sheet(sample_case(), pictures, "en"), render_report_pdf(facts, by_case, "en")):
        assert "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in metadata_of(pdf)
        assert root_of(pdf)["/OutputIntents"]


def test_the_sheet_carries_exactly_the_facts_that_it_shows(pictures: Mapping[str, bytes]) -> None:
    case = sample_case()
    attached = reader(render_exhibit_sheet(case, pictures, "en")).attachments
    assert attached["facts.json"] == [case.to_json()]
    assert CaseFacts.from_json(attached["facts.json"][0]) == case


def test_the_same_facts_give_the_same_bytes(pictures: Mapping[str, bytes]) -> None:
    case = sample_case()
    assert render_exhibit_sheet(case, pictures, "en") == render_exhibit_sheet(case, pictures, "en")
    facts, by_case = sample_report(2)
    reordered = dict(reversed(by_case.items()))
    assert render_report_pdf(facts, by_case, "en") == render_report_pdf(facts, reordered, "en")


def test_the_date_of_the_file_is_the_date_of_the_facts(pictures: Mapping[str, bytes]) -> None:
    later = replace(sample_case(), written_at=NOON + timedelta(days=1))
    first = reader(render_exhibit_sheet(sample_case(), pictures, "en")).metadata
    second = reader(render_exhibit_sheet(later, pictures, "en")).metadata
    assert first is not None
    assert second is not None
    assert first.creation_date == NOON
    assert second.creation_date == NOON + timedelta(days=1)
