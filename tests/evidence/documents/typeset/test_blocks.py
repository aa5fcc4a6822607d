"""Blocks of a document: texts are never markup, and long ones are cut with a note."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from evidence.documents.sheets.exhibit import render_exhibit_sheet
from evidence.facts.case import CaseFacts
from tests.assets.documents_sample import sample_case
from tests.assets.pdf_text import reader, text_of


def titled(title: str, **changes: Any) -> CaseFacts:  # noqa: ANN401 - fields of a case
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
    text = text_of(render_exhibit_sheet(titled(title), pictures, "en"))
    squeezed = "".join(text.split())
    assert "".join(title.split()) in squeezed
    assert "root:" not in text


def test_overlong_texts_are_cut_with_a_note_and_words_without_spaces_break(pictures: Mapping[str, bytes]) -> None:
    case = titled("T" * 5000)
    sighting = replace(case.sightings[0], page_url="https://example.org/" + "a" * 500, context="word " * 10_000)
    pdf = render_exhibit_sheet(replace(case, sightings=(sighting,)), pictures, "en")
    assert "more characters in the attached data" in " ".join(text_of(pdf).split())
    assert len(reader(pdf).pages) < 8
