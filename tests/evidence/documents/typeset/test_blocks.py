"""Test that texts in a document's blocks are never markup, and that long ones are shortened with a note."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.blocks import Block, Document, Line, Lines
from evidence.documents.typeset.compiler import PreparedDocument
from evidence.documents.typeset.fonts import load_fonts
from evidence.facts.case import CaseFacts
from tests.assets.documents_sample import NOON, sample_case
from tests.assets.pdf_text import reader, text_of


def build_case_with_title(title: str, **changes: Any) -> CaseFacts:  # noqa: ANN401 - fields of a case
    case = sample_case()
    return replace(case, work=replace(case.work, title=title), **changes)


@pytest.mark.parametrize(
    "title",
    [
        "#panic[x] $x$ *bold* _it_ = Head\n= Head @ref <label> `raw` \\ // comment /* x",
        '#read("/etc/passwd")',
        ']#eval("1+1")[',
        '"); #image("pictures/x.jpg") //',
    ],
)
def test_title_is_never_interpreted_as_markup(title: str, pictures: Mapping[str, bytes]) -> None:
    text = text_of(render_exhibit_sheet(build_case_with_title(title), pictures, "en"))
    squeezed = "".join(text.split())
    assert "".join(title.split()) in squeezed
    assert "root:" not in text


def test_long_text_is_truncated_with_note_and_wrapped(pictures: Mapping[str, bytes]) -> None:
    case = build_case_with_title("T" * 5000)
    sighting = replace(case.sightings[0], page_url="https://example.org/" + "a" * 500, context="word " * 10_000)
    pdf = render_exhibit_sheet(replace(case, sightings=(sighting,)), pictures, "en")
    assert "more characters in the attached data" in " ".join(text_of(pdf).split())
    assert len(reader(pdf).pages) < 8


def compile_blocks(*blocks: Block, heading: str = "A letter", language: str = "en") -> bytes:
    setting = {"lang": language[:2], "region": "CN", "footer": "", "page_of": "{page}"}
    texts = {"author": "", "description": "", "kicker": "", "subtitle": "", "header": "", "language": setting}
    document = Document(title="T", heading=heading, sections=(), opening=blocks, **texts)  # type: ignore[arg-type]
    return PreparedDocument(document, (), language, NOON).render_pdf()


def test_heading_stays_with_following_text() -> None:
    parts = [
        (Lines((Line(f"Head {n}."),), leads=True), Lines(tuple(Line(f"Text {n}.") for _ in range(2 + n % 5))))
        for n in range(120)
    ]
    pages = [page.extract_text() for page in reader(compile_blocks(*(block for part in parts for block in part))).pages]
    assert len(pages) > 5
    for n in range(120):
        assert [f"Head {n}." in page for page in pages] == [f"Text {n}." in page for page in pages]


def test_long_url_breaks_after_punctuation() -> None:
    words = ("autumn-hills", "limited-edition", "canvas-prints", "favourite-pictures")
    address = "https://www.prints-and-more.example/" + "/".join(words * 8)
    lines = reader(compile_blocks(Lines((Line(address),)))).pages[0].extract_text().splitlines()
    broken = [line for line in lines if "-" in line]
    assert len(broken) > 3
    assert [line[-1] for line in broken[:-1] if line[-1] not in "-/."] == []


@pytest.mark.skipif(not load_fonts().chinese_families, reason="no Chinese font here")
def test_chinese_line_never_starts_with_a_comma() -> None:
    for count in range(30, 36):
        words = f"{'深' * count}，www.prints-and-more.example，第一号"
        lines = reader(compile_blocks(heading=words, language="zh-Hans")).pages[0].extract_text().splitlines()
        assert [line for line in lines if line.startswith("，")] == []
