"""Test that characters without a glyph and invisible characters are shown as code points."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.compiler import escape_hidden_characters, find_missing_glyphs
from evidence.facts.case import CaseFacts
from tests.assets.documents_sample import NOON, sample_case, sample_report
from tests.assets.fonts import only_embedded_fonts
from tests.assets.pdf_text import metadata_of, reader, root_of, text_of
from tests.assets.reports import render_report_pdf
from tests.evidence.documents.typeset.test_blocks import build_case_with_title


def test_characters_without_glyph_are_shown_as_code_points(pictures: Mapping[str, bytes]) -> None:
    case = build_case_with_title("Sunset \U0001f600 by \U00012000", not_checked=("odd: \U0001f47d",))
    with only_embedded_fonts():
        pdf = render_exhibit_sheet(case, pictures, "en")
    text = text_of(pdf)
    assert "[U+1F600]" in text
    assert "[U+12000]" in text
    assert "[U+1F47D]" in text
    assert "<pdfaid:part>3" in metadata_of(pdf)


@pytest.mark.parametrize(
    "title", ["مرحبا بالعالم", "שלום", "नमस्ते", "𠀀𠀁 秋山", "é\u0301\u0302", "👩\u200d👧", "ﷺ", "\ufdd0\ufffe"]
)
def test_text_in_every_writing_system_is_rendered(title: str, pictures: Mapping[str, bytes]) -> None:
    for fonts in (nullcontext(), only_embedded_fonts()):
        with fonts:
            assert "<pdfaid:part>3" in metadata_of(render_exhibit_sheet(build_case_with_title(title), pictures, "en"))


def test_invisible_characters_are_escaped() -> None:
    assert escape_hidden_characters("a\u202eb\u0000c\u00add", frozenset()) == "a[U+202E]b[U+0000]c[U+00AD]d"
    assert escape_hidden_characters("line\nbreak\ttab", frozenset()) == "line break tab"
    assert escape_hidden_characters("\ud800", frozenset()) == "[U+D800]"
    assert escape_hidden_characters({"k": ["\u2028", 3, None]}, frozenset("3")) == {"k": ["[U+2028]", 3, None]}


def test_missing_glyphs_are_parsed_from_compiler_errors() -> None:
    line = 'error: PDF/A-3b error: the text `"{}"` could not be displayed with font `"X"`\n'
    report = line.format("\U0001f600") + line.format("\\u{e000}") + line.format("ab")
    assert find_missing_glyphs(report) == frozenset("\U0001f600\ue000ab")
    assert find_missing_glyphs("error: something else") == frozenset()


def test_documents_declare_pdf_a_3b(pictures: Mapping[str, bytes]) -> None:
    facts, by_case = sample_report(1)
    for pdf in (render_exhibit_sheet(sample_case(), pictures, "en"), render_report_pdf(facts, by_case, "en")):
        assert "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in metadata_of(pdf)
        assert root_of(pdf)["/OutputIntents"]


def test_sheet_attaches_its_facts(pictures: Mapping[str, bytes]) -> None:
    case = sample_case()
    attached = reader(render_exhibit_sheet(case, pictures, "en")).attachments
    assert attached["facts.json"] == [case.to_json()]
    assert CaseFacts.from_json(attached["facts.json"][0]) == case


def test_rendering_is_deterministic(pictures: Mapping[str, bytes]) -> None:
    case = sample_case()
    assert render_exhibit_sheet(case, pictures, "en") == render_exhibit_sheet(case, pictures, "en")
    facts, by_case = sample_report(2)
    reordered = dict(reversed(by_case.items()))
    assert render_report_pdf(facts, by_case, "en") == render_report_pdf(facts, reordered, "en")


def test_creation_date_equals_date_of_facts(pictures: Mapping[str, bytes]) -> None:
    later = replace(sample_case(), written_at=NOON + timedelta(days=1))
    first = reader(render_exhibit_sheet(sample_case(), pictures, "en")).metadata
    second = reader(render_exhibit_sheet(later, pictures, "en")).metadata
    assert first is not None
    assert second is not None
    assert first.creation_date == NOON
    assert second.creation_date == NOON + timedelta(days=1)
