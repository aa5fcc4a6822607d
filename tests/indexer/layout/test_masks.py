"""Test which parts do not belong to the image itself: captions, pages, collages."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from indexer.layout.masks import inside, masked_boxes, without
from indexer.layout.orientation import Box
from indexer.layout.pages import composition
from tests.assets.textured import collage_with, page_with, text_page, textured

PICTURE = textured(51)


def grey(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("L"))


def edges(box: Box) -> tuple[int, ...]:
    return tuple(round(edge) for edge in (box.left, box.top, box.right, box.bottom))


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (PICTURE, ()),
        (ImageOps.expand(PICTURE, 40, "white"), ()),
        (collage_with(PICTURE), ("collage",)),
        (page_with(PICTURE), ("page",)),
        (text_page(1), ("page",)),
    ],
    ids=["picture", "bordered", "collage", "page", "text"],
)
def test_collages_and_pages_are_told_from_pictures(picture: Image.Image, said: tuple[str, ...]) -> None:
    assert composition(grey(picture)) == said


def test_two_things_on_a_white_ground_are_no_collage() -> None:
    shoes = Image.new("RGB", (480, 360), "white")
    for left in (30, 260):
        shape = Image.new("L", (480, 360))
        ImageDraw.Draw(shape).ellipse((left, 80, left + 190, 280), fill=255)
        shoes.paste(PICTURE, mask=shape)
    assert composition(grey(shoes)) == ()


@pytest.mark.parametrize("turned", range(4))
def test_a_caption_is_masked_at_each_edge(turned: int) -> None:
    higher = ImageOps.expand(PICTURE, (0, 60, 0, 0), "white")
    ImageDraw.Draw(higher).text((20, 12), "some words above", fill="black", font_size=30)
    picture = grey(higher.rotate(90 * turned, expand=True))
    height, width = picture.shape
    expected = [(0, 0, 480, 60), (0, 0, 60, 480), (0, 360, 480, 420), (360, 0, 420, 480)][turned]
    assert [edges(box) for box in masked_boxes(picture, (), (width, height))] == [expected]


def test_nothing_of_a_plain_picture_is_masked() -> None:
    assert masked_boxes(grey(PICTURE), (), PICTURE.size) == ()


def test_boxes_are_in_original_pixels() -> None:
    higher = ImageOps.expand(PICTURE, (0, 0, 0, 60), "white")
    (box,) = masked_boxes(grey(higher), (), (960, 840))
    assert edges(box) == (0, 720, 960, 840)


def test_of_a_page_only_its_picture_is_left() -> None:
    page = page_with(PICTURE)
    valid = without(np.ones((800, 1280), np.bool_), masked_boxes(grey(page), ("page",), page.size), np.eye(3))
    rows, columns = np.nonzero(valid)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx((60, 180, 572, 564), abs=8)


def test_points_lie_inside_up_to_the_edges_of_pixels() -> None:
    points = np.array([[9.4, 5], [9.6, 5], [19.4, 5], [19.6, 5]], np.float32)
    assert inside(points, [Box(10, 0, 20, 10)]).tolist() == [False, True, True, False]
