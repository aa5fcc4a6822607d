from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from exhibit.errors import UnreadablePictureError, WrongUseError
from indexer.draw import OUTLINE, overlay, side_by_side
from tests.assets.textured import encoded, textured

PICTURE = textured(1)
DATA = encoded(PICTURE)
IDENTITY = np.eye(3)
CROPPED_AT = np.array([[1.0, 0, 100], [0, 1, 60], [0, 0, 1]])


def drawn(data: bytes) -> NDArray[np.uint8]:
    picture = Image.open(BytesIO(data))
    assert picture.format == "PNG"
    return np.asarray(picture)


def outlined(pixels: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Where the outline lies: left, top, right, bottom."""
    rows, columns = np.nonzero((pixels == OUTLINE).all(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_an_overlay_shows_the_crop_where_it_belongs_and_fades_the_rest() -> None:
    crop = Image.new("RGB", (200, 150), "teal")
    pixels = drawn(overlay(encoded(crop), DATA, CROPPED_AT))
    assert pixels.shape == (360, 480, 3)
    assert tuple(pixels[135, 200]) == (0, 128, 128)
    assert pixels[:50].min() >= 160
    assert outlined(pixels) == pytest.approx((100, 60, 300, 210), abs=3)


def test_an_overlay_of_large_pictures_is_at_most_1600_pixels_wide() -> None:
    large = encoded(PICTURE.resize((3200, 2400)), "JPEG")
    assert drawn(overlay(large, large, IDENTITY)).shape == (1200, 1600, 3)


def test_side_by_side_outlines_the_shared_part_in_both() -> None:
    crop = encoded(PICTURE.crop((100, 60, 300, 210)))
    pixels = drawn(side_by_side(crop, DATA, CROPPED_AT))
    assert pixels.shape[1] == 1600
    left, right = pixels[:, :800], pixels[:, 800:]
    edges = outlined(left)
    assert (edges[2] - edges[0], edges[3] - edges[1]) == pytest.approx((200, 150), abs=4)
    edges = outlined(right)
    assert (edges[2] - edges[0], edges[3] - edges[1]) == pytest.approx((200, 150), abs=8)


def test_the_same_input_gives_the_same_bytes() -> None:
    for draw in (overlay, side_by_side):
        assert draw(DATA, DATA, CROPPED_AT) == draw(DATA, DATA, CROPPED_AT)


def test_a_transform_with_a_horizon_in_the_picture_is_drawn_too() -> None:
    horizon = np.array([[1, 0, 0], [0, 1, 0], [0.004, 0.0, 1]])
    assert drawn(overlay(DATA, DATA, horizon)).shape == (360, 480, 3)
    assert drawn(side_by_side(DATA, DATA, np.array([[1, 0, 0], [0, 1, 0], [-0.004, 0, 1]]))).shape[1] == 1600


def test_what_cannot_be_drawn_is_refused_with_a_sentence() -> None:
    with pytest.raises(UnreadablePictureError):
        overlay(b"nothing", DATA, IDENTITY)
    with pytest.raises(WrongUseError):
        overlay(DATA, DATA, np.zeros((3, 3)))
    with pytest.raises(WrongUseError):
        side_by_side(DATA, DATA, np.zeros((3, 3)))
