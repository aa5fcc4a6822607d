"""Test the exhibit sheet: URL, time, certainty, and source of each fact."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from evidence.documents.case.comparison import Gallery
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.documents.sheets.exhibit import (
    MAX_SCREENSHOTS,
    build_screenshot_sections,
    find_picture_offset,
    render_exhibit_sheet,
)
from evidence.documents.typeset.blocks import Lines, Plates, Quiet
from evidence.documents.typeset.pictures import Album
from evidence.facts.case import CaptureFacts, CaseFacts
from tests.assets.documents_sample import (
    encoded,
    part,
    phrase,
    sample_case,
    sample_pictures,
)
from tests.assets.pdf_text import text_of


def test_sheet_states_url_time_and_certainty(sheet: str) -> None:
    for words in (
        "Case 12 · bundle 1 · prints-and-more.example",
        "Autumn Hills — canvas print",
        "HTTP 200 · 203.0.113.9",
        "2026-11-20 09:00:00 UTC · 2026-11-20 17:00:00 +0800 Asia/Shanghai",
        "38 of 256 bits differ",
        "412 distinct points fit one transform",
        "93% (0.937)",
        "Likelihood ratio not calibrated",
        phrase("licence.none_covers", time="2026-11-20 11:00:00 UTC").partition(" ")[2],
        "Not licensed: believed to be used without permission",
        "Jonas Ek",
        "The site's own upload date was not checked.",
        part("unchecked.exceptions"),
        part("document.footer"),
    ):
        assert words in sheet, words


@pytest.mark.parametrize(
    ("party", "words"),
    [
        ("xn--pypal-4ve.example", part("sheet.confusable")),
        ("xn--bcher-kva.example", "In Unicode: bücher.example"),
    ],
)
def test_host_is_shown_in_unicode(party: str, words: str) -> None:
    case = sample_case()
    sheet = text_of(render_exhibit_sheet(replace(case, party=replace(case.party, name=party)), sample_pictures(), "en"))
    assert party in sheet
    assert words in sheet
    assert (part("sheet.confusable") in sheet) == ("pypal" in party)


def test_digests_and_urls_can_be_copied_whole() -> None:
    pdf = render_exhibit_sheet(sample_case(), sample_pictures(), "en")
    joined = "".join(text_of(pdf).split())
    case = sample_case()
    assert case.sightings[0].page_url in joined
    assert case.sightings[0].picture.digest.hex in joined


def test_each_fact_states_its_source(sheet: str) -> None:
    assert "Rights statement All rights reserved declared" in sheet
    assert "Ships worldwide. stated" in sheet
    assert "Log entry 12 recorded" in sheet
    assert "check: match" in sheet
    assert phrase("sheet.speakers") in sheet


WORDING = Wording(load_phrases("en"))


def build_capture(number: int, outcome: str = "captured") -> CaptureFacts:
    [sighting] = sample_case().sightings
    folder = f"data/sightings/01/capture-{number}"
    return replace(sighting.captures[0], outcome=outcome, files=(f"{folder}/screenshot-boxed.png",))


def build_case(*captures: CaptureFacts, places: int = 1) -> CaseFacts:
    case = sample_case()
    first = replace(case.sightings[0], captures=captures)
    sightings = (replace(first, number=n, page_url=f"https://shop.example/{n}") for n in range(1, places + 1))
    return replace(case, sightings=tuple(sightings))


def test_latest_screenshot_that_shows_the_picture_is_used() -> None:
    case = build_case(build_capture(1), build_capture(2), build_capture(3, "not-shown"))
    pictures = {"data/sightings/01/capture-2/screenshot-boxed.png": encoded(Image.new("RGB", (90, 60)), "PNG")}
    album = Album(400)
    [section] = build_screenshot_sections(case, Gallery(pictures, album, WORDING))
    intro, figure, word = section.blocks
    assert isinstance(intro, Lines)
    assert isinstance(figure, Plates)
    assert isinstance(word, Quiet)
    assert phrase("capture.screens_said") in word.text
    assert "capture-2/screenshot-boxed.png" in intro.lines[0].text
    assert len(album.files) == 1
    assert build_screenshot_sections(sample_case(), Gallery({}, album, WORDING)) == ()


def test_excess_screenshots_are_counted() -> None:
    [section] = build_screenshot_sections(
        build_case(build_capture(1), places=MAX_SCREENSHOTS + 1), Gallery({}, Album(400), WORDING)
    )
    assert sum(isinstance(block, Plates) for block in section.blocks) == MAX_SCREENSHOTS
    last = section.blocks[-2]
    assert isinstance(last, Quiet)
    assert str(MAX_SCREENSHOTS + 1) in last.text


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"rendered": {"image_places": [{"y": 5400.5}], "boxed_screenshot_from": 5000}}, 400.5),
        ({"rendered": {"image_places": [], "boxed_screenshot_from": 0}}, 0.0),
        ({"rendered": {"image_places": [{"y": "here"}], "boxed_screenshot_from": 0}}, 0.0),
        ({"rendered": None}, 0.0),
        ([], 0.0),
        (None, 0.0),
    ],
)
def test_first_image_position_is_read_from_malformed_records(record: object, place: float) -> None:
    pictures = {} if record is None else {"a/network.json": json.dumps(record).encode()}
    assert find_picture_offset(pictures, "a/screenshot-boxed.png") == place
