"""Test outlines around places on screenshots, and the part of a long screenshot shown on a sheet."""

import json
from io import BytesIO

import pytest
from PIL import Image

from evidence.capture.boxes import COLOUR, CUT_HEIGHT, Place, crop_to_place, draw_boxes
from evidence.documents.sheets.exhibit import first_place


def screenshot(height: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (1280, height), "white").save(out, "PNG")
    return out.getvalue()


def open_image(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def test_a_short_screenshot_is_shown_whole() -> None:
    data = screenshot(CUT_HEIGHT)
    assert crop_to_place(data) == data


@pytest.mark.long
def test_of_a_long_screenshot_the_part_around_the_first_place_is_shown() -> None:
    places = [Place("shown", 100, 5000, 300, 200), Place("shown", 100, 9000, 300, 200)]
    part = open_image(crop_to_place(draw_boxes(screenshot(12_000), places), 5000))
    assert part.size == (1280, CUT_HEIGHT)
    assert part.getpixel((93, 250 + 100)) == COLOUR
    assert part.crop((0, 0, 1280, 240)).getcolors() == [(1280 * 240, (255, 255, 255))]


@pytest.mark.long
def test_a_line_at_the_end_of_a_page_is_shown_too() -> None:
    part = open_image(crop_to_place(draw_boxes(screenshot(8000), [Place("shown", 100, 7900, 300, 90)]), 7900))
    assert part.size == (1280, CUT_HEIGHT)
    assert part.getpixel((93, CUT_HEIGHT - 50)) == COLOUR


def test_without_a_line_the_beginning_is_shown() -> None:
    assert open_image(crop_to_place(screenshot(8000))).size == (1280, CUT_HEIGHT)


@pytest.mark.long
def test_a_page_in_the_colour_of_the_lines_misleads_nobody() -> None:
    page = open_image(screenshot(12_000))
    page.paste(COLOUR, (0, 0, 1280, 90))
    out = BytesIO()
    page.save(out, "PNG")
    part = open_image(crop_to_place(draw_boxes(out.getvalue(), [Place("shown", 100, 5000, 300, 200)]), 5000))
    assert part.getpixel((93, 250 + 100)) == COLOUR


def test_where_the_first_place_begins_is_read_from_the_record() -> None:
    rendered = {"image_places": [{"y": 29_990.5}], "boxed_screenshot_from": 29_600}
    folder = "data/sightings/01/"
    pictures = {f"{folder}network.json": json.dumps({"rendered": rendered}).encode()}
    assert first_place(pictures, f"{folder}screenshot-boxed.png") == 390.5
    for broken in (b"", b"[]", b"{", b'{"rendered": {"image_places": []}}', b'{"rendered": null}'):
        assert first_place({f"{folder}network.json": broken}, f"{folder}screenshot-boxed.png") == 0


def test_a_place_that_the_screenshot_does_not_reach_has_no_line() -> None:
    places = [Place("shown", 100, y, 300, 200) for y in (-500, 900, 5000)] + [Place("shown", 1300, 100, 300, 200)]
    assert open_image(draw_boxes(screenshot(900), places)).getcolors() == [(1280 * 900, (255, 255, 255))]
    assert open_image(draw_boxes(screenshot(900), places, 2000)).getcolors() == [(1280 * 900, (255, 255, 255))]


def test_a_place_beyond_the_picture_has_a_line_at_its_edge() -> None:
    assert open_image(draw_boxes(screenshot(900), [Place("shown", -50, 100, 300, 200)])).getpixel((2, 200)) == COLOUR
