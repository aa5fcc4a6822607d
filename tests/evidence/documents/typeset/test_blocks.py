"""Test that texts in a document's blocks are never markup, and that long ones are shortened with a note."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.documents.typeset.blocks import Block, Document, Line, Lines
from evidence.documents.typeset.compiler import Unset
from evidence.documents.typeset.fonts import installed_fonts
from evidence.facts.case import CaseFacts
from tests.assets.documents_sample import NOON, sample_case
from tests.assets.pdf_text import reader, text_of


def with_title(title: str, **changes: Any) -> CaseFacts:  # noqa: ANN401 - fields of a case
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
def test_titles_are_never_read_as_markup(title: str, pictures: Mapping[str, bytes]) -> None:
    text = text_of(render_exhibit_sheet(with_title(title), pictures, "en"))
    squeezed = "".join(text.split())
    assert "".join(title.split()) in squeezed
    assert "root:" not in text


def test_overlong_texts_are_cut_with_a_note_and_words_without_spaces_break(pictures: Mapping[str, bytes]) -> None:
    case = with_title("T" * 5000)
    sighting = replace(case.sightings[0], page_url="https://example.org/" + "a" * 500, context="word " * 10_000)
    pdf = render_exhibit_sheet(replace(case, sightings=(sighting,)), pictures, "en")
    assert "more characters in the attached data" in " ".join(text_of(pdf).split())
    assert len(reader(pdf).pages) < 8


def pdf_of(*blocks: Block, heading: str = "A letter", language: str = "en") -> bytes:
    setting = {"lang": language[:2], "region": "CN", "footer": "", "page_of": "{page}"}
    texts = {"author": "", "description": "", "kicker": "", "subtitle": "", "header": "", "language": setting}
    document = Document(title="T", heading=heading, sections=(), opening=blocks, **texts)  # type: ignore[arg-type]
    return Unset(document, (), language, NOON).pdf()


def test_a_heading_never_stands_alone_at_the_end_of_a_page() -> None:
    parts = [
        (Lines((Line(f"Head {n}."),), leads=True), Lines(tuple(Line(f"Text {n}.") for _ in range(2 + n % 5))))
        for n in range(120)
    ]
    pages = [page.extract_text() for page in reader(pdf_of(*(block for part in parts for block in part))).pages]
    assert len(pages) > 5
    for n in range(120):
        assert [f"Head {n}." in page for page in pages] == [f"Text {n}." in page for page in pages]


def test_a_long_address_breaks_behind_its_signs() -> None:
    words = ("autumn-hills", "limited-edition", "canvas-prints", "favourite-pictures")
    address = "https://www.prints-and-more.example/" + "/".join(words * 8)
    lines = reader(pdf_of(Lines((Line(address),)))).pages[0].extract_text().splitlines()
    broken = [line for line in lines if "-" in line]
    assert len(broken) > 3
    assert [line[-1] for line in broken[:-1] if line[-1] not in "-/."] == []


@pytest.mark.skipif(not installed_fonts().chinese, reason="no Chinese font here")
def test_no_line_begins_with_a_chinese_comma_before_an_address() -> None:
    for count in range(30, 36):
        words = f"{'深' * count}，www.prints-and-more.example，第一号"
        lines = reader(pdf_of(heading=words, language="zh-Hans")).pages[0].extract_text().splitlines()
        assert [line for line in lines if line.startswith("，")] == []
