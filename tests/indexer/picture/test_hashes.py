from collections.abc import Callable
from io import BytesIO

import imagehash
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from indexer.layout.borders import content_box
from indexer.layout.orientation import ORIENTATIONS, Box, alignment
from indexer.picture.hashes import orientation_hashes, quality, shrink
from tests.assets.textured import encoded, textured

TURNED: list[Callable[[Image.Image], Image.Image]] = [
    lambda picture: picture,
    ImageOps.mirror,
    ImageOps.flip,
    lambda picture: ImageOps.flip(ImageOps.mirror(picture)),
    lambda picture: picture.transpose(Image.Transpose.TRANSPOSE),
    lambda picture: ImageOps.mirror(picture.transpose(Image.Transpose.TRANSPOSE)),
    lambda picture: ImageOps.flip(picture.transpose(Image.Transpose.TRANSPOSE)),
    lambda picture: ImageOps.flip(ImageOps.mirror(picture.transpose(Image.Transpose.TRANSPOSE))),
]


def bits(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(one ^ other).sum())


def reference(picture: Image.Image) -> NDArray[np.uint8]:
    return np.packbits(imagehash.phash(picture, hash_size=16).hash.ravel())


@pytest.mark.parametrize("seed", range(8))
def test_the_hash_is_imagehash_s_bit_for_bit(seed: int) -> None:
    picture = textured(seed, (400 + 7 * seed, 300 + 11 * seed))
    assert bits(orientation_hashes(shrink(picture.convert("L")))[0], reference(picture)) == 0


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_s_hash_is_that_of_the_turned_picture(orientation: int) -> None:
    picture = textured(3)
    turned = TURNED[orientation](picture)
    # Lanczos rounds between its two passes, so that a transposed picture differs by a level here and there
    assert bits(orientation_hashes(shrink(picture.convert("L")))[orientation], reference(turned)) <= 4


def test_different_pictures_are_far_apart() -> None:
    hashes = [orientation_hashes(shrink(textured(seed).convert("L"))) for seed in range(6)]
    assert min(bits(row, other[0]) for k, one in enumerate(hashes) for row in one for other in hashes[k + 1 :]) > 70


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_alignment_of_an_orientation_maps_pixels_to_where_they_went(orientation: int) -> None:
    pixels = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7)
    turned = np.asarray(TURNED[orientation](Image.fromarray(pixels)))
    transform = alignment(orientation, Box(0, 0, 7, 5), Box(0, 0, turned.shape[1], turned.shape[0]))
    for y in range(5):
        for x in range(7):
            moved = transform @ (x, y, 1)
            assert turned[round(moved[1]), round(moved[0])] == pixels[y, x]


def test_a_flat_picture_has_no_quality_and_a_textured_one_has() -> None:
    assert quality(shrink(Image.new("L", (300, 200), 90))) == 0
    assert quality(shrink(textured(1).convert("L"))) == 100


def test_what_lies_inside_nested_borders_is_found() -> None:
    framed = ImageOps.expand(ImageOps.expand(textured(2), 20, "red"), (10, 15), "white")
    jpeg = Image.open(BytesIO(encoded(framed, "JPEG", 60))).convert("L")
    box = content_box(np.asarray(jpeg))
    assert box is not None
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((30, 35, 510, 395), abs=3)


def test_a_picture_without_borders_has_no_content_box() -> None:
    assert content_box(np.asarray(textured(2).convert("L"))) is None


def test_a_picture_that_is_all_border_has_no_content_box() -> None:
    assert content_box(np.full((100, 120), 200, np.uint8)) is None
