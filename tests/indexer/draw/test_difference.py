import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from indexer.draw.difference import HIGHLIGHT_COLOUR, find_differences
from indexer.draw.draw import View
from indexer.draw.marks import OUTLINE_COLOUR
from tests.assets.drawing_pairs import (
    IDENTITY,
    MIRRORED,
    PICTURE,
    bounding_box,
    build_pair,
    drawing_pixels,
    pixel_positions,
)
from tests.assets.textured import encoded


@pytest.mark.long
def test_difference_marks_only_added_content() -> None:
    picture = PICTURE.copy()
    ImageDraw.Draw(picture).rectangle((200, 150, 279, 199), fill="white")
    drawn_pair = build_pair(ImageOps.mirror(picture), MIRRORED)
    changed, inside = find_differences(
        drawn_pair, drawn_pair.found_source.render(drawn_pair.found_source.frame, (480, 360))
    )
    assert inside.all()
    added = np.zeros((360, 480), bool)
    added[150:200, 200:280] = True
    added = added[:, ::-1]
    assert (changed & added).sum() > 0.97 * added.sum()
    near = np.zeros_like(added)
    near[145:205, 195:285] = True
    assert not (changed & ~near[:, ::-1]).any()
    pixels = drawing_pixels(View.DIFFERENCE, drawn_pair).astype(int)
    orange = pixels[..., 0] - pixels[..., 2] > HIGHLIGHT_COLOUR[0] // 2
    assert orange.mean() == pytest.approx(80 * 50 / (480 * 360), rel=0.15)


def test_difference_tolerates_light_colour_size_and_compression() -> None:
    brighter = Image.fromarray((255 * (np.asarray(PICTURE) / 255) ** 0.8).astype(np.uint8))
    smaller = np.diag([2.0, 2.0, 1.0])
    smaller[:2, 2] = 0.5
    for picture, transform in (
        (encoded(brighter, "JPEG", 70), IDENTITY),
        (encoded(ImageOps.grayscale(PICTURE)), IDENTITY),
        (encoded(PICTURE.resize((240, 180), Image.Resampling.LANCZOS), "JPEG", 85), smaller),
    ):
        drawn_pair = build_pair(picture, transform)
        changed, _ = find_differences(
            drawn_pair, drawn_pair.found_source.render(drawn_pair.found_source.frame, (480, 360))
        )
        assert changed.mean() < 0.01


@pytest.mark.long
def test_difference_shows_small_copy_with_page_margin() -> None:
    page = Image.new("RGB", (3000, 3000), "white")
    page.paste(PICTURE, (200, 100))
    pixels = drawing_pixels(View.DIFFERENCE, build_pair(page, np.array([[1.0, 0, -200], [0, 1, -100], [0, 0, 1]])))
    assert pixels.shape[1] == 1600
    x0, _, right, _ = bounding_box(pixel_positions(pixels, OUTLINE_COLOUR))
    assert (right - x0) / 1600 == pytest.approx(480 / 576, abs=0.02)
