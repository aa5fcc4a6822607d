"""Test that images on pages and in collages are found as rectangles, and that a photograph has none."""

import numpy as np
import pytest
from PIL import Image

from indexer.layout.orientation import Box
from indexer.layout.panels import MAX_PANELS, MIN_PIXELS, find_panels, has_content
from tests.assets.textured import collage_with, page_with, textured

PHOTO = (320, 240)


def panels_of(picture: Image.Image) -> tuple[Box, ...]:
    grey = picture.convert("L")
    grey.thumbnail((512, 512))
    return find_panels(np.asarray(grey), picture.size)


def overlap_ratio(first: Box, other: Box) -> float:
    """Return intersection over union."""
    width = min(first.right, other.right) - max(first.left, other.left)
    height = min(first.bottom, other.bottom) - max(first.top, other.top)
    area = max(0, width) * max(0, height)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (first, other)]
    return area / (sum(areas) - area)


def sheet(places: list[tuple[int, int]], size: tuple[int, int], colour: str = "white") -> Image.Image:
    picture = Image.new("RGB", size, colour)
    for seed, place in enumerate(places):
        picture.paste(textured(seed, PHOTO), place)
    return picture


@pytest.mark.parametrize("colour", ["white", "black", "#7a8"])
def test_each_picture_of_a_sheet_is_a_panel(colour: str) -> None:
    places = [(10, 10), (345, 10), (10, 265), (345, 265)]
    boxes = panels_of(sheet(places, (675, 515), colour))
    assert len(boxes) == 4
    for x, top in places:
        assert max(overlap_ratio(box, Box(x, top, x + 320, top + 240)) for box in boxes) > 0.9


def test_picture_on_text_page_is_the_largest_panel() -> None:
    page = page_with(textured(5, PHOTO))
    boxes = panels_of(page)
    grey = np.asarray(page.convert("L"), np.int16)
    best = boxes[0]
    inside = grey[int(best.top) : int(best.bottom), int(best.left) : int(best.right)]
    assert 0.5 < (best.right - best.left) / (best.bottom - best.top) / (320 / 240) < 2
    assert inside.std() > 20
    assert len(boxes) <= 2


@pytest.mark.parametrize("seed", range(4))
def test_photograph_has_no_panels(seed: int) -> None:
    assert panels_of(textured(seed, (640, 480))) == ()


def test_each_picture_of_a_collage_is_a_panel() -> None:
    assert len(panels_of(collage_with(textured(1, PHOTO)))) == 4


def test_only_the_largest_panels_are_kept() -> None:
    places = [(10 + 335 * column, 10 + 255 * row) for column in range(4) for row in range(3)]
    assert len(panels_of(sheet(places, (1350, 775)))) == MAX_PANELS


def test_thin_gutters_separate_nine_pictures() -> None:
    places = [(326 * column, 246 * row) for column in range(3) for row in range(3)]
    assert len(panels_of(sheet(places, (972, 732)))) == 9


def test_region_small_in_original_is_not_a_panel() -> None:
    icons = sheet([(10, 10), (345, 10)], (675, 260)).resize((108, MIN_PIXELS - 6))
    assert panels_of(icons) == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3, 3), (300, 400)])
def test_plain_picture_has_no_panels(shape: tuple[int, int]) -> None:
    assert find_panels(np.full(shape, 200, np.uint8), shape[::-1]) == ()


def test_region_has_content_if_enough_pixels_differ_from_the_median() -> None:
    rng = np.random.default_rng(3)
    for spread in (4, 20, 60):
        grey = rng.normal(120, spread, (40, 51)).clip(0, 255).astype(np.uint8)
        for region in ((0, 40, 0, 51), (3, 20, 5, 11), (7, 8, 9, 10)):
            inside = grey[region[0] : region[1], region[2] : region[3]].astype(float)
            for shades in (3, 10, 24, 100):
                apart = (np.abs(inside - np.median(inside)) >= shades).mean()
                assert has_content(grey, region, shades) == (apart >= 0.1)
    assert not has_content(grey, (5, 5, 7, 7), 0)
