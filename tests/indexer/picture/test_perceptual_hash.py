import imagehash
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from indexer.layout.orientation import ORIENTATIONS
from indexer.picture.perceptual_hash import compute_orientation_hashes, measure_structure, shrink_for_hash
from tests.assets.edited_pictures import ALL_ORIENTATIONS
from tests.assets.textured import textured


def bit_distance(first: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(first ^ other).sum())


def imagehash_of(picture: Image.Image) -> NDArray[np.uint8]:
    return np.packbits(imagehash.phash(picture, hash_size=16).hash.ravel())


@pytest.mark.parametrize("seed", range(8))
def test_perceptual_hash_matches_imagehash(seed: int) -> None:
    picture = textured(seed, (400 + 7 * seed, 300 + 11 * seed))
    assert (
        bit_distance(compute_orientation_hashes(shrink_for_hash(picture.convert("L")))[0], imagehash_of(picture)) == 0
    )


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_hashes_match_rotated_pictures(orientation: int) -> None:
    picture = textured(3)
    turned = ALL_ORIENTATIONS[orientation](picture)
    # Lanczos rounds between its two passes, so that a transposed image differs by a level in some places
    assert (
        bit_distance(
            compute_orientation_hashes(shrink_for_hash(picture.convert("L")))[orientation], imagehash_of(turned)
        )
        <= 4
    )


def test_different_pictures_have_distant_hashes() -> None:
    hashes = [compute_orientation_hashes(shrink_for_hash(textured(seed).convert("L"))) for seed in range(6)]
    assert (
        min(bit_distance(row, other[0]) for k, first in enumerate(hashes) for row in first for other in hashes[k + 1 :])
        > 70
    )


def test_flat_picture_has_zero_quality_and_textured_picture_does_not() -> None:
    assert measure_structure(shrink_for_hash(Image.new("L", (300, 200), 90))) == 0
    assert measure_structure(shrink_for_hash(textured(1).convert("L"))) == 100
