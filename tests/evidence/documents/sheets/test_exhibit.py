"""Test the exhibit sheet: where, when, how certain, and according to whom."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from evidence.documents.case.comparison import Gallery
from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.documents.sheets.exhibit import MAX_SCREENS, first_place, render_exhibit_sheet, screens_sections
from evidence.documents.typeset.blocks import Plates, Quiet, Text
from evidence.documents.typeset.pictures import Album
from evidence.facts.case import CaptureFacts, CaseFacts
from tests.assets.documents_sample import (
    encoded,
    sample_case,
    sample_pictures,
    say,
)
from tests.assets.pdf_text import text_of


def test_the_sheet_says_where_when_and_how_sure(sheet: str) -> None:
    for words in (
        "Case 12 · bundle 1 · prints-and-more.example",
        "Autumn Hills — canvas print",
        "HTTP 200 · 203.0.113.9",
        "2026-11-18 11:46:55 UTC · 2026-11-18 19:46:55 +0800 Asia/Shanghai",
        "38 of 256 bits differ",
        "412 distinct points agree with one transform",
        "93% (0.937)",
        "Likelihood ratio not calibrated",
        "searched at 2026-11-20 11:00:00 UTC, cover no such use",
        "Not licensed: believed to be used without permission",
        "Jonas Ek",
        "The site's own upload date was not checked.",
        "Exceptions and limitations of the law (quotation, fair use, parody and others): not checked.",
        "Not legal advice. Made by no court, notary or authority.",
    ):
        assert words in sheet, words


@pytest.mark.parametrize(
    ("party", "words"),
    [
        ("xn--pypal-4ve.example", "They look like those of another script"),
        ("xn--bcher-kva.example", "In letters: bücher.example"),
    ],
)
def test_a_host_is_shown_in_letters_beside_its_address(party: str, words: str) -> None:
    case = sample_case()
    sheet = text_of(render_exhibit_sheet(replace(case, party=replace(case.party, name=party)), sample_pictures(), "en"))
    assert party in sheet
    assert words in sheet
    assert ("another script" in sheet) == ("pypal" in party)


def test_digests_and_addresses_can_be_copied_out_whole() -> None:
    pdf = render_exhibit_sheet(sample_case(), sample_pictures(), "en")
    joined = "".join(text_of(pdf).split())
    case = sample_case()
    assert case.sightings[0].page_url in joined
    assert case.sightings[0].picture.digest.hex in joined


def test_each_fact_has_its_speaker(sheet: str) -> None:
    assert "Author Mara Lindqvist declared" in sheet
    assert "Ships worldwide. stated" in sheet
    assert "Log entry 12 recorded" in sheet
    assert "check: match" in sheet
    assert say("sheet.speakers") in sheet


WORDING = Wording(load_phrases("en"))


def captured(number: int, outcome: str = "captured") -> CaptureFacts:
    [sighting] = sample_case().sightings
    folder = f"data/sightings/01/capture-{number}"
    return replace(sighting.captures[0], outcome=outcome, files=(f"{folder}/screenshot-boxed.png",))


def case_with(*captures: CaptureFacts, places: int = 1) -> CaseFacts:
    case = sample_case()
    return replace(case, sightings=(replace(case.sightings[0], captures=captures),) * places)


def test_the_last_screenshot_that_shows_the_picture_stands_there() -> None:
    case = case_with(captured(1), captured(2), captured(3, "not-shown"))
    pictures = {"data/sightings/01/capture-2/screenshot-boxed.png": encoded(Image.new("RGB", (90, 60)), "PNG")}
    album = Album(400)
    [section] = screens_sections(case, Gallery(pictures, album, WORDING))
    said, shown, word = section.blocks
    assert isinstance(said, Text)
    assert isinstance(shown, Plates)
    assert isinstance(word, Quiet)
    assert say("capture.screens_said") in word.text
    assert "capture-2/screenshot-boxed.png" in said.text
    assert len(album.files) == 1
    assert screens_sections(sample_case(), Gallery({}, album, WORDING)) == ()


def test_of_many_places_some_are_shown_and_the_others_counted() -> None:
    [section] = screens_sections(case_with(captured(1), places=MAX_SCREENS + 1), Gallery({}, Album(400), WORDING))
    assert sum(isinstance(block, Plates) for block in section.blocks) == MAX_SCREENS
    last = section.blocks[-2]
    assert isinstance(last, Quiet)
    assert str(MAX_SCREENS + 1) in last.text


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
def test_where_the_first_place_begins_is_read_of_a_record_of_any_form(record: object, place: float) -> None:
    pictures = {} if record is None else {"a/network.json": json.dumps(record).encode()}
    assert first_place(pictures, "a/screenshot-boxed.png") == place
