import numpy as np
import pytest
from PIL import Image

from indexer.draw.draw import View
from indexer.draw.marks import OUTLINE_COLOUR
from tests.assets.drawing_pairs import (
    CROP,
    CROPPED,
    IDENTITY,
    bounding_box,
    build_pair,
    drawing_pixels,
    pixel_positions,
)


def test_overlay_shows_the_crop_in_position_and_fades_the_remainder() -> None:
    pixels = drawing_pixels(View.OVERLAY, build_pair(Image.new("RGB", (200, 150), "teal"), CROPPED))
    factor = pixels.shape[1] / 480
    assert pixels.shape[:2] == (round(360 * factor), 1600)
    assert tuple(pixels[round(135 * factor), round(200 * factor)]) == (0, 128, 128)
    assert pixels[: round(50 * factor)].min() >= 150
    assert bounding_box(pixel_positions(pixels, OUTLINE_COLOUR)) == pytest.approx(
        [value * factor for value in CROP], abs=4
    )


def test_overlay_of_whole_copy_shows_registered_strips() -> None:
    pixels = drawing_pixels(View.OVERLAY, build_pair(Image.new("RGB", (480, 360), "teal"), IDENTITY))
    teal = (pixels[600, 10:-10] == (0, 128, 128)).all(axis=1)
    assert 0.4 < teal.mean() < 0.6
    assert np.abs(np.diff(teal.astype(int))).sum() == 5
