"""Test that pages and collages are distinguished from photographs, even those with a plain sky."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from indexer.layout.pages import COLLAGE, PAGE, classify_composition
from indexer.picture.features import extract
from tests.assets.textured import collage_with, encoded, page_with, textured


def grey_of(picture: Image.Image) -> np.ndarray:
    grey = picture.convert("L")
    grey.thumbnail((512, 512))
    return np.asarray(grey)


def recompress(picture: Image.Image) -> Image.Image:
    small = picture.resize((picture.width * 6 // 10, picture.height * 6 // 10))
    return Image.open(io.BytesIO(encoded(small, "JPEG", 40)))


def landscape_with_sky(seed: int) -> Image.Image:
    """Return a landscape under a clear sky with low clouds and birds, which are wide and low like lines of words."""
    height, width = 480, 640
    levels = np.linspace(166, 142, 280)[:, None] + np.linspace(0, 4, width)
    picture = Image.fromarray(np.repeat(levels[:, :, None], 3, axis=2).round().astype(np.uint8))
    picture = ImageOps.pad(picture, (width, height), centering=(0, 0))
    draw = ImageDraw.Draw(picture)
    for line in range(7):
        draw.rectangle((60 + 30 * line, 30 + 32 * line, 180 + 30 * line, 38 + 32 * line), fill=(90, 90, 90))
    picture.paste(textured(seed, (width, height - 280)), (0, 280))
    return picture


@pytest.mark.parametrize("seed", range(3))
def test_photograph_with_plain_sky_is_not_split_into_several_pictures(seed: int) -> None:
    assert classify_composition(grey_of(landscape_with_sky(seed))) == ()
    assert extract(encoded(landscape_with_sky(seed), "JPEG")).low_information == ()


@pytest.mark.parametrize("seed", range(3))
def test_text_page_around_picture_is_a_page_in_any_format(seed: int) -> None:
    page = page_with(textured(seed))
    assert classify_composition(grey_of(page)) == (PAGE,)
    assert classify_composition(grey_of(recompress(page))) == (PAGE,)


@pytest.mark.parametrize("seed", range(3))
def test_sheet_of_four_is_a_collage_in_any_format(seed: int) -> None:
    collage = collage_with(textured(seed))
    assert classify_composition(grey_of(collage)) == (COLLAGE,)
    assert classify_composition(grey_of(recompress(collage))) == (COLLAGE,)


def test_sheet_of_nine_with_thin_gutters_is_a_collage() -> None:
    sheet = Image.new("RGB", (912, 912), "white")
    for number in range(9):
        sheet.paste(textured(number, (300, 300)), (number % 3 * 306, number // 3 * 306))
    assert classify_composition(grey_of(sheet)) == (COLLAGE,)
