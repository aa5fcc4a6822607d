from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.picture.descriptor import BUILT_IN, MODEL, Descriptor
from indexer.picture.features import Features, compute_fingerprints, compute_work_fingerprints, extract
from indexer.picture.features_file import features_from_bytes, features_to_bytes
from indexer.picture.spaces import PANELS, WHOLE, WORK_PARTS
from tests.assets.edited_pictures import PICTURE, cached_features
from tests.assets.textured import collage_with, encoded


@pytest.fixture(scope="module")
def features() -> Features:
    return cached_features(encoded(PICTURE))


def test_embeddings_have_unit_length_and_match_collage_panel(features: Features) -> None:
    assert tuple(features.embeddings) == (WHOLE,)
    for vector in features.embeddings.values():
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    collage = extract(encoded(collage_with(PICTURE, 3)))
    assert len(collage.panels) == 4
    nearness = {part: float(vector @ features.embeddings[WHOLE]) for part, vector in collage.embeddings.items()}
    assert max(nearness, key=lambda part: nearness[part]) in PANELS
    assert max(nearness.values()) > 0.8


class Counted(Descriptor):
    """The bundled network, with a count of its runs."""

    def __init__(self) -> None:
        super().__init__(BUILT_IN.card, BUILT_IN.space, MODEL.read_bytes)
        self.runs = 0

    def run(self, ready: NDArray[np.float32]) -> NDArray[np.float32]:
        self.runs += 1
        return super().run(ready)


def test_network_runs_once_for_all_vectors_of_a_work_and_on_demand_for_parts() -> None:
    network, data = Counted(), encoded(collage_with(PICTURE, 3))
    features = extract(data, descriptor=network)
    stored = compute_work_fingerprints(features.digest, features)
    again = features_from_bytes(features_to_bytes(features), partial(extract, data, descriptor=network))
    assert (again.embedding == features.embedding).all()
    assert network.runs == 1
    assert stored == [
        fingerprint for fingerprint in compute_fingerprints(features.digest, features) if fingerprint.part in WORK_PARTS
    ]
    assert network.runs == 5
    assert (again.embeddings[PANELS[3]] == features.embeddings[PANELS[3]]).all()
    assert network.runs == 9
