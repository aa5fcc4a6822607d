"""The edits that matching is measured with: there, readable, repeatable, and the same for every picture."""

import io

import numpy as np
import pytest
from PIL import Image

from exhibit.errors import WrongUseError
from exhibit.pictures.decode import decode
from indexer import edits
from tests.assets.textured import textured

SIZE = (200, 150)
PICTURE, OTHERS = textured(1, SIZE), [textured(seed, SIZE) for seed in (2, 3, 4)]


def pixels_of(name: str, picture: Image.Image, seed: int) -> np.ndarray:
    with Image.open(io.BytesIO(edits.apply(name, picture, OTHERS, seed).data)) as shown:
        return np.asarray(shown.convert("RGB"), np.int16)


def test_the_groups_hold_every_edit_once() -> None:
    assert len(edits.DESIGN) == 34
    assert len(edits.FURTHER) == 42
    assert [*edits.DESIGN, *edits.FURTHER] == list(edits.EDITS)
    assert {*edits.OVERLAYS, *edits.PAGES} <= set(edits.EDITS)


@pytest.mark.parametrize("name", edits.EDITS)
def test_an_edit_makes_the_same_readable_picture_each_time(name: str) -> None:
    before = np.array(PICTURE)
    made = edits.apply(name, PICTURE, OTHERS, 5)
    assert made == edits.apply(name, PICTURE, OTHERS, 5)
    shown = decode(made.data)
    assert min(shown.pixels.shape[:2]) >= 20
    assert shown.pixels.std() > 5
    assert (np.array(PICTURE) == before).all()


@pytest.mark.parametrize("name", ["text", "crop50", "bg40", "night", "chain2"])
def test_another_seed_makes_another_picture(name: str) -> None:
    assert edits.apply(name, PICTURE, OTHERS, 5) != edits.apply(name, PICTURE, OTHERS, 6)


@pytest.mark.parametrize("name", [*edits.OVERLAYS, *edits.PAGES])
def test_one_seed_lays_the_same_over_two_pictures(name: str) -> None:
    dark, light = (Image.new("RGB", SIZE, (level, level, level)) for level in (100, 140))
    one, other = pixels_of(name, dark, 9), pixels_of(name, light, 9)
    ground = (abs(one - 100).max(axis=2) < 30) & (abs(other - 140).max(axis=2) < 30)
    same = abs(one - other).max(axis=2) < 12
    assert (same | ground).mean() > 0.75
    assert (~ground).mean() > 0.01


def test_an_edit_that_is_not_there_is_said_so() -> None:
    with pytest.raises(WrongUseError, match="no edit nonsense"):
        edits.apply("nonsense", PICTURE, OTHERS, 1)
