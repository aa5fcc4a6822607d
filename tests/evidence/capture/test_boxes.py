"""Test outlines around places on screenshots, and the part of a long screenshot shown on a sheet."""

import json
from io import BytesIO

import pytest
from PIL import Image

from evidence.capture.boxes import LINE_COLOUR, MAX_CROP_HEIGHT, Place, crop_to_place, draw_boxes
from evidence.documents.sheets.exhibit import find_picture_offset


def create_screenshot(height: int) -> bytes:
    out = BytesIO()
    Image.new("RGB", (1280, height), "white").save(out, "PNG")
    return out.getvalue()


def open_image(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def test_short_screenshot_is_not_cropped() -> None:
    data = create_screenshot(MAX_CROP_HEIGHT)
    assert crop_to_place(data) == data


@pytest.mark.long
def test_long_screenshot_is_cropped_to_the_first_image_position() -> None:
    places = [Place("shown", 100, 5000, 300, 200), Place("shown", 100, 9000, 300, 200)]
    part = open_image(crop_to_place(draw_boxes(create_screenshot(12_000), places), 5000))
    assert part.size == (1280, MAX_CROP_HEIGHT)
    assert part.getpixel((93, 250 + 100)) == LINE_COLOUR
    assert part.crop((0, 0, 1280, 240)).getcolors() == [(1280 * 240, (255, 255, 255))]


@pytest.mark.long
def test_box_at_end_of_page_is_shown() -> None:
    part = open_image(crop_to_place(draw_boxes(create_screenshot(8000), [Place("shown", 100, 7900, 300, 90)]), 7900))
    assert part.size == (1280, MAX_CROP_HEIGHT)
    assert part.getpixel((93, MAX_CROP_HEIGHT - 50)) == LINE_COLOUR


def test_screenshot_without_box_is_cropped_from_top() -> None:
    assert open_image(crop_to_place(create_screenshot(8000))).size == (1280, MAX_CROP_HEIGHT)


@pytest.mark.long
def test_crop_finds_the_box_on_a_page_that_contains_the_box_colour() -> None:
    page = open_image(create_screenshot(12_000))
    page.paste(LINE_COLOUR, (0, 0, 1280, 90))
    out = BytesIO()
    page.save(out, "PNG")
    part = open_image(crop_to_place(draw_boxes(out.getvalue(), [Place("shown", 100, 5000, 300, 200)]), 5000))
    assert part.getpixel((93, 250 + 100)) == LINE_COLOUR


def test_first_image_position_is_read_from_the_visit_record() -> None:
    rendered = {"image_places": [{"y": 29_990.5}], "boxed_screenshot_from": 29_600}
    folder = "data/sightings/01/"
    pictures = {f"{folder}network.json": json.dumps({"rendered": rendered}).encode()}
    assert find_picture_offset(pictures, f"{folder}screenshot-boxed.png") == 390.5
    for broken in (b"", b"[]", b"{", b'{"rendered": {"image_places": []}}', b'{"rendered": null}'):
        assert find_picture_offset({f"{folder}network.json": broken}, f"{folder}screenshot-boxed.png") == 0


def test_image_position_outside_screenshot_has_no_box() -> None:
    places = [Place("shown", 100, y, 300, 200) for y in (-500, 900, 5000)] + [Place("shown", 1300, 100, 300, 200)]
    assert open_image(draw_boxes(create_screenshot(900), places)).getcolors() == [(1280 * 900, (255, 255, 255))]
    assert open_image(draw_boxes(create_screenshot(900), places, 2000)).getcolors() == [(1280 * 900, (255, 255, 255))]


def test_box_of_an_image_position_beyond_the_edge_is_drawn_at_the_edge() -> None:
    assert (
        open_image(draw_boxes(create_screenshot(900), [Place("shown", -50, 100, 300, 200)])).getpixel((2, 200))
        == LINE_COLOUR
    )
