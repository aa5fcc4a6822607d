import numpy as np
import pytest

from indexer.picture.features import Features, extract
from indexer.picture.spaces import (
    CENTRE,
    PANELS,
    TILES,
    WHOLE,
)
from tests.assets.edited import PICTURE, measured
from tests.assets.textured import collage_with, encoded


@pytest.fixture(scope="module")
def features() -> Features:
    return measured(encoded(PICTURE))


def test_embeddings_have_unit_length_and_find_a_panel_of_a_collage(features: Features) -> None:
    assert tuple(features.embeddings) == (WHOLE, CENTRE)
    assert tuple(features.tiles) == TILES
    for vector in (*features.embeddings.values(), *features.tiles.values()):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    collage = extract(encoded(collage_with(PICTURE, 3)))
    assert len(collage.panels) == 4
    nearness = {part: float(vector @ features.embeddings[WHOLE]) for part, vector in collage.embeddings.items()}
    assert max(nearness, key=lambda part: nearness[part]) in PANELS
    assert max(nearness.values()) > 0.8
