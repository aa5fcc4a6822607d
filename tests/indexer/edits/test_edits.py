"""Test that the edits used to measure matching exist, are readable and repeatable, and equal for every image."""

import numpy as np
import pytest

from exhibit.errors import InvalidRequestError
from exhibit.pictures.decode import decode
from indexer import edits
from tests.assets.textured import textured

SIZE = (200, 150)


PICTURE, OTHER_PICTURES = textured(1, SIZE), [textured(seed, SIZE) for seed in (2, 3, 4)]


@pytest.mark.parametrize("name", edits.EDITS)
def test_edit_is_deterministic_and_readable(name: str) -> None:
    before = np.array(PICTURE)
    edited = edits.apply(name, PICTURE, OTHER_PICTURES, 5)
    assert edited == edits.apply(name, PICTURE, OTHER_PICTURES, 5)
    decoded = decode(edited.data)
    assert min(decoded.pixels.shape[:2]) >= 20
    assert decoded.pixels.std() > 5
    assert (np.array(PICTURE) == before).all()


@pytest.mark.parametrize("name", ["text", "crop50", "bg40", "night", "chain2"])
def test_different_seed_gives_different_picture(name: str) -> None:
    assert edits.apply(name, PICTURE, OTHER_PICTURES, 5) != edits.apply(name, PICTURE, OTHER_PICTURES, 6)


def test_unknown_edit_is_reported() -> None:
    with pytest.raises(InvalidRequestError, match="no edit nonsense"):
        edits.apply("nonsense", PICTURE, OTHER_PICTURES, 1)
