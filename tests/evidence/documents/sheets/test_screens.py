"""Screenshots on the sheet: of each place the last one that shows the picture, cut so that the first place is seen."""

import json
from dataclasses import replace

import pytest
from PIL import Image

from evidence.documents.phrases import load_phrases
from evidence.documents.phrases.wording import Wording
from evidence.documents.sheets.screens import MAX_SCREENS, first_place, screens_sections
from evidence.documents.typeset.blocks import Plates, Quiet, Text
from evidence.documents.typeset.pictures import Album
from evidence.facts.case import CaptureFacts, CaseFacts
from tests.assets.documents_sample import encoded, sample_case

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
    [section] = screens_sections(case, pictures, album, WORDING, 1)
    said, shown = section.blocks
    assert isinstance(said, Text)
    assert isinstance(shown, Plates)
    assert "capture-2/screenshot-boxed.png" in said.text
    assert len(album.files) == 1
    assert screens_sections(sample_case(), {}, album, WORDING, 1) == ()


def test_of_many_places_some_are_shown_and_the_others_counted() -> None:
    [section] = screens_sections(case_with(captured(1), places=MAX_SCREENS + 1), {}, Album(400), WORDING, 1)
    assert sum(isinstance(block, Plates) for block in section.blocks) == MAX_SCREENS
    last = section.blocks[-1]
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
