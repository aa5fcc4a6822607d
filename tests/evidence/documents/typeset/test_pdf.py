"""The PDF files themselves: PDF/A-3b, the same bytes each time, and no title that can break or steer them."""

import io
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pypdf
import pytest
from PIL import Image

from evidence.documents import render_exhibit_sheet, render_report_json
from evidence.documents.typeset.compiler import missing_glyphs, showable
from evidence.documents.typeset.fonts import embedded_fonts, installed_fonts
from evidence.documents.typeset.pictures import Album, shrunk
from evidence.facts.case import CaseFacts
from exhibit.errors import ServiceMissingError, UnreadablePictureError
from exhibit.pictures.thumbnails import THUMBNAIL_SIDE, exif_with, small_jpeg
from tests.assets.documents_sample import NOON, encoded, landscape, sample_case, sample_pictures, sample_report
from tests.assets.reports import render_report_pdf


def reader(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf), strict=True)


def root_of(pdf: bytes) -> Any:  # noqa: ANN401 - a PDF object
    return reader(pdf).trailer["/Root"]


def metadata_of(pdf: bytes) -> str:
    return str(root_of(pdf)["/Metadata"].get_data().decode())


def titled(title: str, **changes: Any) -> CaseFacts:  # noqa: ANN401 - fields of a case
    case = sample_case()
    return replace(case, work=replace(case.work, title=title), **changes)


def text_of(pdf: bytes) -> str:
    return " ".join(page.extract_text() for page in reader(pdf).pages)


@pytest.fixture(scope="module")
def pictures() -> Mapping[str, bytes]:
    return sample_pictures()


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


def test_the_report_carries_its_data() -> None:
    facts, by_case = sample_report(2)
    attached = reader(render_report_pdf(facts, by_case, "en")).attachments
    assert attached["report.json"] == [render_report_json(facts)]


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


def test_characters_without_a_glyph_stand_as_code_points(pictures: Mapping[str, bytes]) -> None:
    case = titled("Sunset \U0001f600 by \U00012000", not_checked=("odd: \U0001f47d",))
    pdf = render_exhibit_sheet(case, pictures, "en", fonts=embedded_fonts())
    text = text_of(pdf)
    assert "[U+1F600]" in text
    assert "[U+12000]" in text
    assert "[U+1F47D]" in text
    assert "<pdfaid:part>3" in metadata_of(pdf)


@pytest.mark.parametrize(
    "title", ["مرحبا بالعالم", "שלום", "नमस्ते", "𠀀𠀁 秋山", "é\u0301\u0302", "👩\u200d👧", "ﷺ", "\ufdd0\ufffe"]
)
def test_any_script_gives_a_document(title: str, pictures: Mapping[str, bytes]) -> None:
    for fonts in (installed_fonts(), embedded_fonts()):
        assert "<pdfaid:part>3" in metadata_of(render_exhibit_sheet(titled(title), pictures, "en", fonts=fonts))


def test_invisible_characters_become_visible() -> None:
    assert showable("a\u202eb\u0000c\u00add", frozenset()) == "a[U+202E]b[U+0000]c[U+00AD]d"
    assert showable("line\nbreak\ttab", frozenset()) == "line break tab"
    assert showable("\ud800", frozenset()) == "[U+D800]"
    assert showable({"k": ["\u2028", 3, None]}, frozenset("3")) == {"k": ["[U+2028]", 3, None]}


def test_missing_glyphs_are_read_from_all_lines_of_a_report() -> None:
    line = 'error: PDF/A-3b error: the text `"{}"` could not be displayed with font `"X"`\n'
    report = line.format("\U0001f600") + line.format("\\u{e000}") + line.format("ab")
    assert missing_glyphs(report) == frozenset("\U0001f600\ue000ab")
    assert missing_glyphs("error: something else") == frozenset()


def test_overlong_texts_are_cut_with_a_note_and_words_without_spaces_break(pictures: Mapping[str, bytes]) -> None:
    case = titled("T" * 5000)
    sighting = replace(case.sightings[0], page_url="https://example.org/" + "a" * 500, context="word " * 10_000)
    pdf = render_exhibit_sheet(replace(case, sightings=(sighting,)), pictures, "en")
    assert "more characters in the attached data" in " ".join(text_of(pdf).split())
    assert len(reader(pdf).pages) < 8


def test_chinese_without_a_font_is_refused_with_the_way_to_get_one(pictures: Mapping[str, bytes]) -> None:
    with pytest.raises(ServiceMissingError, match="apt-get install fonts-noto-cjk"):
        render_exhibit_sheet(sample_case(), pictures, "zh-Hans", fonts=embedded_fonts())


@pytest.mark.skipif(not installed_fonts().chinese, reason="no font with Chinese characters is installed")
def test_the_chinese_documents_speak_chinese(pictures: Mapping[str, bytes]) -> None:
    facts, by_case = sample_report(1)
    sheet = text_of(render_exhibit_sheet(sample_case(), pictures, "zh-Hans"))
    report = text_of(render_report_pdf(facts, by_case, "zh-Hans"))
    assert "未核查的事项" in sheet
    assert "未获许可：认为未经许可使用" in sheet
    assert "开发用，不具法律效力" in "".join(report.split())
    assert "[U+" not in sheet + report


def test_pictures_are_bounded_and_set_once() -> None:
    data = encoded(landscape(3))
    album = Album(side=320)
    assert album.place(data) == album.place(bytes(data))
    (file,) = album.files
    with Image.open(io.BytesIO(file.data)) as small:
        assert small.format == "JPEG"
        assert max(small.size) == 320


def test_only_a_drawing_is_shown_by_the_thumbnail_that_it_carries() -> None:
    other = small_jpeg(Image.new("RGB", (90, 60), "red"), 400)
    whole = io.BytesIO()
    landscape(3).save(whole, "JPEG", exif=exif_with(other))
    for is_drawing in (True, False):
        album = Album(THUMBNAIL_SIDE)
        album.place(whole.getvalue(), drawing=is_drawing)
        assert (album.files[0].data == other) is is_drawing


def test_a_small_picture_is_not_made_larger() -> None:
    with Image.open(io.BytesIO(shrunk(encoded(Image.new("RGB", (40, 30))), 320))) as small:
        assert small.size == (40, 30)


def test_a_damaged_picture_leaves_a_document_that_says_so(pictures: Mapping[str, bytes]) -> None:
    broken = {**pictures, "data/matches/01/overlay.jpg": b"not a picture"}
    assert "This picture cannot be shown:" in " ".join(
        text_of(render_exhibit_sheet(sample_case(), broken, "en")).split()
    )
    album = Album(320)
    for _ in range(2):
        with pytest.raises(UnreadablePictureError):
            album.place(b"not a picture")
    assert album.files == ()


def test_the_report_json_is_canonical_and_names_its_format() -> None:
    facts, _ = sample_report(2)
    plain = json.loads(render_report_json(facts))
    assert plain["format"] == "exhibit-report/1"
    assert plain["generated_at"] == "2026-11-20T12:00:00.000000Z"
    assert [case["facts"]["number"] for case in plain["cases"]] == ["1", "2"]
    assert plain["cases"][0]["witnesses"][1]["development"] is True


def test_a_hundred_cases_take_seconds() -> None:
    facts, by_case = sample_report(100)
    started = time.perf_counter()
    pdf = render_report_pdf(facts, by_case, "en")
    assert time.perf_counter() - started < 30
    assert len(reader(pdf).pages) > 100 / 3


def test_small_pictures_are_remembered_by_digest_and_the_large_ones_are_not_kept() -> None:
    data = encoded(Image.new("RGB", (400, 300), "red"))
    small = shrunk(data, 100)
    assert shrunk(bytes(bytearray(data)), 100) is small
    assert shrunk(data, 50) is not small
    for shade in range(70):
        shrunk(encoded(Image.new("RGB", (40, 30), (shade, 0, 0)), "PNG"), 20)
    again = shrunk(data, 100)
    assert again == small
    assert again is not small  # it was forgotten meanwhile
