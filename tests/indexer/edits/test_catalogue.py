import io

import numpy as np
import pytest
from PIL import Image

from indexer import edits
from tests.assets.textured import textured

OTHER_PICTURES = [textured(seed, (200, 150)) for seed in (2, 3, 4)]


SIZE = (200, 150)


def pixels_of(name: str, picture: Image.Image, seed: int) -> np.ndarray:
    with Image.open(io.BytesIO(edits.apply(name, picture, OTHER_PICTURES, seed).data)) as image:
        return np.asarray(image.convert("RGB"), np.int16)


def test_groups_contain_every_edit_once() -> None:
    assert len(edits.DESIGN) == 34
    assert len(edits.FURTHER) == 42
    assert [*edits.DESIGN, *edits.FURTHER] == list(edits.EDITS)
    assert {*edits.OVERLAYS, *edits.PAGES} <= set(edits.EDITS)


@pytest.mark.parametrize("name", [*edits.OVERLAYS, *edits.PAGES])
def test_same_seed_applies_same_overlay_to_two_pictures(name: str) -> None:
    dark, light = (Image.new("RGB", SIZE, (level, level, level)) for level in (100, 140))
    first, other = pixels_of(name, dark, 9), pixels_of(name, light, 9)
    ground = (abs(first - 100).max(axis=2) < 30) & (abs(other - 140).max(axis=2) < 30)
    same = abs(first - other).max(axis=2) < 12
    assert (same | ground).mean() > 0.75
    assert (~ground).mean() > 0.01
