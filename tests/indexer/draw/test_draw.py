from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from exhibit.pictures.thumbnails import THUMBNAIL_SIDE, read_thumbnail
from indexer.draw.draw import DRAW_BY_SUFFIX, View, draw, draw_small, encode_jpeg
from indexer.draw.pair import Pair
from tests.assets.drawing_pairs import CROP, CROPPED, IDENTITY, PICTURE, build_pair, build_verification, drawing_pixels
from tests.assets.textured import encoded


@pytest.mark.parametrize("view", View)
def test_same_input_gives_same_bytes(view: View) -> None:
    small = encoded(PICTURE.crop(CROP))
    assert draw(view, Pair.from_verification(small, small, build_verification(IDENTITY))) == draw(
        view, Pair.from_verification(small, small, build_verification(IDENTITY))
    )


@pytest.mark.long
def test_large_drawings_are_limited_to_1600_pixels() -> None:
    large = encoded(PICTURE.resize((1500, 2000)), "JPEG")
    for view in (View.OVERLAY, View.SIDE_BY_SIDE):
        assert (
            max(
                drawing_pixels(view, Pair.from_verification(large, large, build_verification(IDENTITY, IDENTITY))).shape
            )
            <= 1600
        )


def test_noise_is_preserved_in_drawings() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    assert np.abs(np.asarray(Image.open(BytesIO(encode_jpeg(noise)))).astype(int) - noise).mean() < 20


@pytest.mark.parametrize("view", View)
def test_drawing_of_a_small_picture_matches_drawing_of_a_large_picture(view: View) -> None:
    large = encoded(PICTURE.resize((1600, 1200)), "JPEG")
    pairs = [Pair.from_verification(large, large, build_verification(IDENTITY), side=side) for side in (1600, 400)]
    whole, small = (Image.open(BytesIO(data)) for data in (draw(view, pairs[0]), draw_small(view, pairs[1])))
    assert max(small.size) == 400
    again = whole.resize(small.size, Image.Resampling.LANCZOS)
    assert abs(whole.height / 4 - small.height) <= 1
    assert np.median(np.abs(np.asarray(small, float) - np.asarray(again, float))) < 12


@pytest.mark.parametrize("view", View)
def test_unusual_transforms_are_drawn(view: View) -> None:
    small = encoded(PICTURE.crop(CROP).resize((80, 60)))
    horizon = np.array([[1, 0, 0], [0, 1, 0], [0.024, 0.0, 1]])
    behind = np.array([[1, 0, 0], [0, 1, 0], [-0.024, 0, 1]])
    apart = np.array([[1.0, 0, 5000], [0, 1, 0], [0, 0, 1]])
    for transform in (horizon, behind, apart):
        assert (
            max(drawing_pixels(view, Pair.from_verification(small, small, build_verification(transform))).shape) <= 1600
        )


def test_file_format_follows_extension() -> None:
    drawn_pair = build_pair(PICTURE, IDENTITY)
    assert DRAW_BY_SUFFIX[".png"](View.OVERLAY, drawn_pair).startswith(b"\x89PNG")
    assert DRAW_BY_SUFFIX[".jpg"](View.OVERLAY, drawn_pair).startswith(b"\xff\xd8")


def test_drawing_includes_its_thumbnail() -> None:
    data = draw(View.OVERLAY, build_pair(PICTURE.crop(CROP), CROPPED))
    thumbnail = read_thumbnail(data)
    assert thumbnail is not None
    with Image.open(BytesIO(thumbnail)) as small, Image.open(BytesIO(data)) as whole:
        assert max(small.size) == THUMBNAIL_SIDE
        again = whole.resize(small.size, Image.Resampling.LANCZOS)
        assert np.abs(np.asarray(small, float) - np.asarray(again, float)).mean() < 4
