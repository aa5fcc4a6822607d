import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from indexer.draw.draw import View
from indexer.draw.marks import CORNERS, OUTLINE_COLOUR
from tests.assets.drawing_pairs import (
    CROP,
    CROPPED,
    IDENTITY,
    MIRRORED,
    PICTURE,
    bounding_box,
    build_pair,
    drawing_pixels,
    pixel_positions,
)


def corners(half: NDArray[np.uint8]) -> str:
    """Return the letters in one image of a pair: top left, top right, bottom right, bottom left."""
    middles = {letter: np.median(pixel_positions(half, colour), axis=0) for letter, colour in CORNERS}
    centre = np.mean(list(middles.values()), axis=0)
    letters = {tuple((place > centre).tolist()): letter for letter, place in middles.items()}
    return "".join(letters[at] for at in ((False, False), (True, False), (True, True), (False, True)))


@pytest.mark.long
def test_side_by_side_outlines_shared_part_and_magnifies_small_parts() -> None:
    whole = drawing_pixels(View.SIDE_BY_SIDE, build_pair(PICTURE, IDENTITY))
    crop = drawing_pixels(View.SIDE_BY_SIDE, build_pair(PICTURE.crop(CROP), CROPPED))
    assert whole.shape == (620, 1600, 3)
    assert crop.shape[1] == 1600
    assert crop.shape[0] > 1100
    x0, top, right, bottom = bounding_box(pixel_positions(crop[:620, :800], OUTLINE_COLOUR))
    assert (x0 - 40) / 720 == pytest.approx(100 / 480, abs=0.01)
    assert (top - 40) / 540 == pytest.approx(60 / 360, abs=0.01)
    assert (right - x0, bottom - top) == pytest.approx((300, 225), abs=4)
    x0, top, right, bottom = bounding_box(pixel_positions(crop[:620, 800:], OUTLINE_COLOUR))
    assert (right - x0, bottom - top) == pytest.approx((720, 540), abs=4)


@pytest.mark.long
@pytest.mark.parametrize(
    ("picture", "transform", "letters"),
    [
        (PICTURE, IDENTITY, "ABCD"),
        (ImageOps.mirror(PICTURE), MIRRORED, "BADC"),
        (ImageOps.flip(PICTURE), np.array([[1.0, 0, 0], [0, -1, 359], [0, 0, 1]]), "DCBA"),
        (PICTURE.rotate(180), np.array([[-1.0, 0, 479], [0, -1, 359], [0, 0, 1]]), "CDAB"),
        (PICTURE.rotate(90, expand=True), np.array([[0.0, -1, 479], [1, 0, 0], [0, 0, 1]]), "BCDA"),
        (ImageOps.mirror(PICTURE).crop((180, 60, 380, 210)), np.array([[-1.0, 0, 299], [0, 1, 60], [0, 0, 1]]), "BADC"),
    ],
    ids=["as it is", "mirrored", "upside down mirrored", "turned by 180", "turned by 90", "mirrored and cropped"],
)
def test_corner_letters_show_rotation_of_copy(
    picture: Image.Image, transform: NDArray[np.float64], letters: str
) -> None:
    pixels = drawing_pixels(View.SIDE_BY_SIDE, build_pair(picture, transform))
    upper = pixels if letters == "ABCD" else pixels[:-620]
    assert corners(upper[:, :800]) == "ABCD"
    assert corners(upper[:, 800:]) == letters


def test_rotated_copy_is_also_shown_upright() -> None:
    mirrored = ImageOps.mirror(PICTURE)
    pixels = drawing_pixels(View.SIDE_BY_SIDE, build_pair(mirrored, MIRRORED))
    below = pixels[-620 + 60 : -60]
    first_half, right = below[:, 60:740].astype(int), below[:, 860:1540].astype(int)
    assert np.abs(first_half - right).mean() < 3
    assert corners(pixels[620:, 800:]) == "ABCD"


def test_each_of_several_copies_is_outlined_and_shown() -> None:
    sheet = Image.new("RGB", (1000, 400), "white")
    sheet.paste(PICTURE, (0, 0))
    sheet.paste(ImageOps.mirror(PICTURE), (510, 20))
    second = MIRRORED @ np.array([[1.0, 0, -510], [0, 1, -20], [0, 0, 1]])
    pixels = drawing_pixels(View.SIDE_BY_SIDE, build_pair(sheet, IDENTITY, second))
    factor = 720 / 1000
    outlined = pixel_positions(pixels[:560, 840:1560], OUTLINE_COLOUR)
    for x in (0, 510):
        inside = outlined[(outlined[:, 0] > x * factor + 20) & (outlined[:, 0] < (x + 480) * factor - 20)]
        assert len(inside) > 200
    *_, right, _ = bounding_box(pixel_positions(pixels[pixels.shape[0] - 200 :], OUTLINE_COLOUR))
    assert right > 1500
