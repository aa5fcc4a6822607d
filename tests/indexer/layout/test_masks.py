"""Test which parts do not belong to the image itself: captions, pages, collages."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from indexer.layout.masks import find_masked_boxes, find_points_inside, remove_boxes
from indexer.layout.orientation import Box
from indexer.layout.pages import classify_composition
from tests.assets.textured import collage_with, page_with, text_page, textured

PICTURE = textured(51)


def grey(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("L"))


def edges(box: Box) -> tuple[int, ...]:
    return tuple(round(edge) for edge in (box.left, box.top, box.right, box.bottom))


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (PICTURE, ()),
        (ImageOps.expand(PICTURE, 40, "white"), ()),
        (collage_with(PICTURE), ("collage",)),
        (page_with(PICTURE), ("page",)),
        (text_page(1), ("page",)),
    ],
    ids=["picture", "bordered", "collage", "page", "text"],
)
def test_collages_and_pages_are_distinguished_from_pictures(picture: Image.Image, expected: tuple[str, ...]) -> None:
    assert classify_composition(grey(picture)) == expected


def test_picture_of_two_objects_on_white_background_is_not_a_collage() -> None:
    shoes = Image.new("RGB", (480, 360), "white")
    for x in (30, 260):
        shape = Image.new("L", (480, 360))
        ImageDraw.Draw(shape).ellipse((x, 80, x + 190, 280), fill=255)
        shoes.paste(PICTURE, mask=shape)
    assert classify_composition(grey(shoes)) == ()


@pytest.mark.parametrize("turned", range(4))
def test_caption_is_masked_at_each_edge(turned: int) -> None:
    higher = ImageOps.expand(PICTURE, (0, 60, 0, 0), "white")
    ImageDraw.Draw(higher).text((20, 12), "some words above", fill="black", font_size=30)
    picture = grey(higher.rotate(90 * turned, expand=True))
    height, width = picture.shape
    expected = [(0, 0, 480, 60), (0, 0, 60, 480), (0, 360, 480, 420), (360, 0, 420, 480)][turned]
    assert [edges(box) for box in find_masked_boxes(picture, (), (width, height))] == [expected]


def test_plain_picture_is_not_masked() -> None:
    assert find_masked_boxes(grey(PICTURE), (), PICTURE.size) == ()


def test_mask_boxes_are_in_pixels_of_the_original_picture() -> None:
    higher = ImageOps.expand(PICTURE, (0, 0, 0, 60), "white")
    (box,) = find_masked_boxes(grey(higher), (), (960, 840))
    assert edges(box) == (0, 720, 960, 840)


def test_page_mask_keeps_only_its_picture() -> None:
    page = page_with(PICTURE)
    valid = remove_boxes(np.ones((800, 1280), np.bool_), find_masked_boxes(grey(page), ("page",), page.size), np.eye(3))
    rows, columns = np.nonzero(valid)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx((60, 180, 572, 564), abs=8)


def test_points_on_pixel_edges_count_as_inside() -> None:
    points = np.array([[9.4, 5], [9.6, 5], [19.4, 5], [19.6, 5]], np.float32)
    assert find_points_inside(points, [Box(10, 0, 20, 10)]).tolist() == [False, True, True, False]
