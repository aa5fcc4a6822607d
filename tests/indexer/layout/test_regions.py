"""Test that images within an image are found, however many, with or without gutters, and nested."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from indexer.layout.orientation import Box
from indexer.layout.regions import find_nested_regions, find_regions
from tests.assets.textured import textured

CELL = (160, 120)


def regions_of(picture: Image.Image) -> tuple[Box, ...]:
    grey = picture.convert("L")
    grey.thumbnail((512, 512))
    return find_regions(np.asarray(grey), picture.size)


def with_exposure(seed: int, size: tuple[int, int] = (480, 360)) -> Image.Image:
    """Return an image darker or brighter than the next one."""
    return ImageEnhance.Brightness(textured(seed, size)).enhance((0.3, 0.6, 1.1)[seed % 3])


def sheet(columns: int, rows: int, gap: int) -> tuple[Image.Image, list[Box]]:
    """Return images in rows, and their boxes."""
    size = columns * (CELL[0] + gap) + gap, rows * (CELL[1] + gap) + gap
    page, boxes = Image.new("RGB", size, "white"), []
    for number in range(columns * rows):
        x, top = gap + number % columns * (CELL[0] + gap), gap + number // columns * (CELL[1] + gap)
        page.paste(ImageOps.fit(with_exposure(700 + number), CELL, Image.Resampling.LANCZOS), (x, top))
        boxes.append(Box(x, top, x + CELL[0], top + CELL[1]))
    return page, boxes


def share_found(boxes: list[Box], picture: Image.Image) -> float:
    among = regions_of(picture)
    return float(
        np.mean(
            [max((box.compute_intersection_over_union(match) for match in among), default=0) > 0.75 for box in boxes]
        )
    )


@pytest.mark.long
@pytest.mark.parametrize("gap", [6, 12])
def test_most_of_dozens_of_pictures_separated_by_gutters_are_found(gap: int) -> None:
    picture, boxes = sheet(7, 6, gap)
    assert share_found(boxes, picture) > 0.9


def test_most_tiles_without_gutters_are_found() -> None:
    picture, boxes = sheet(5, 5, 0)
    assert share_found(boxes, picture) > 0.8


def test_nested_pictures_are_found() -> None:
    within = with_exposure(21, (560, 420))
    within.paste(with_exposure(23, (200, 150)), (30, 250))
    picture = with_exposure(22, (1200, 900))
    picture.paste(within, (600, 60))
    boxes = regions_of(picture)
    for expected in (Box(600, 60, 1160, 480), Box(630, 310, 830, 460)):
        assert max(box.compute_intersection_over_union(expected) for box in boxes) > 0.85


@pytest.mark.parametrize("seed", range(6))
def test_photograph_has_no_regions(seed: int) -> None:
    assert regions_of(textured(seed, (900, 675))) == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (7, 7), (40, 500), (300, 400)])
def test_plain_picture_has_no_regions(shape: tuple[int, int]) -> None:
    assert find_regions(np.full(shape, 200, np.uint8), shape[::-1]) == ()


def test_house_window_is_not_a_region() -> None:
    picture = with_exposure(22, (1200, 900))
    picture.paste(with_exposure(21, (80, 64)), (700, 300))
    assert regions_of(picture) == ()


def test_soft_edged_shadow_is_not_a_region() -> None:
    grain = np.random.default_rng(3).normal(0, 4, (384, 512, 1))
    picture = Image.fromarray(np.clip(np.asarray(with_exposure(2, (512, 384))) + grain, 0, 255).astype(np.uint8))
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).rectangle((120, 90, 340, 280), fill=255)
    dark = ImageEnhance.Brightness(picture).enhance(0.45)
    hard, soft = picture.copy(), picture.copy()
    hard.paste(dark, (0, 0), mask)
    soft.paste(dark, (0, 0), mask.filter(ImageFilter.GaussianBlur(2.2)))
    assert regions_of(hard)
    assert regions_of(soft) == ()


def test_region_covering_most_of_picture_is_skipped() -> None:
    picture = with_exposure(2, (512, 384))
    picture.paste(with_exposure(0, (430, 320)), (40, 30))
    assert regions_of(picture) == ()


def test_thumbnail_has_no_regions() -> None:
    picture, _ = sheet(3, 3, 0)
    picture.thumbnail((260, 260))
    assert regions_of(picture)
    picture.thumbnail((250, 250))
    assert regions_of(picture) == ()


def test_small_pictures_of_a_page_on_a_page_are_found_at_a_higher_resolution() -> None:
    sheet_picture, boxes = sheet(4, 3, 16)
    background = textured(9, (2400, 1500))
    position = (1300, 500)
    background.paste(sheet_picture, position)
    boxes = [
        Box(box.left + position[0], box.top + position[1], box.right + position[0], box.bottom + position[1])
        for box in boxes
    ]
    regions = regions_of(background)
    nested_regions = find_nested_regions(np.asarray(background.convert("L")), background.size, regions)

    def count_found(found: tuple[Box, ...]) -> int:
        return sum(any(box.compute_intersection_over_union(match) > 0.75 for match in found) for box in boxes)

    assert nested_regions[: len(regions)] == regions
    assert count_found(regions) < count_found(nested_regions)
    assert count_found(nested_regions) >= 11


def test_picture_without_regions_is_not_cut_again() -> None:
    grey = np.asarray(textured(5, (1600, 1200)).convert("L"))
    assert find_nested_regions(grey, (1600, 1200), ()) == ()
