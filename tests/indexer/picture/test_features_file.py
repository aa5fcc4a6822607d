import io

import numpy as np
import pytest

from exhibit.errors import IntegrityError
from indexer.picture.features import Features
from indexer.picture.features_file import features_from_bytes, features_to_bytes
from indexer.picture.spaces import (
    PIPELINE,
)
from tests.assets.edited_pictures import PICTURE, cached_features
from tests.assets.textured import encoded, with_inset


@pytest.fixture(scope="module")
def features() -> Features:
    return cached_features(encoded(PICTURE))


def test_features_round_trip(features: Features) -> None:
    again = features_from_bytes(features_to_bytes(features), lambda: features)
    assert (again.digest, again.info, again.quality, again.content) == (
        features.digest,
        features.info,
        features.quality,
        features.content,
    )
    assert again.hashes == features.hashes
    assert (again.grey == features.grey).all()
    assert (again.local.points == features.local.points).all()
    assert (again.local.descriptors == features.local.descriptors).all()
    assert (again.embedding == features.embedding).all()
    assert again.panels == features.panels
    assert again.low_information == features.low_information


def test_damaged_or_unrelated_bytes_are_not_accepted_as_features(features: Features) -> None:
    data = features_to_bytes(features)
    for damaged in (b"", data[:1000], data[:-40], data.replace(PIPELINE.encode(), b"match-0")):
        with pytest.raises(IntegrityError):
            features_from_bytes(damaged, lambda: features)


def test_pickled_objects_are_refused(features: Features) -> None:
    with np.load(io.BytesIO(features_to_bytes(features))) as archive:
        arrays = dict(archive)
    file = io.BytesIO()
    np.savez(file, **{**arrays, "embedding": np.array([{}], object)}, allow_pickle=True)
    with pytest.raises(IntegrityError):
        features_from_bytes(file.getvalue(), lambda: features)


def test_arrays_are_read_in_either_order_and_when_empty(features: Features) -> None:
    with np.load(io.BytesIO(features_to_bytes(features))) as archive:
        arrays = dict(archive)
    file = io.BytesIO()
    np.savez(file, **{**arrays, "descriptors": np.asfortranarray(arrays["descriptors"]), "points": np.zeros((0, 2))})
    again = features_from_bytes(file.getvalue(), lambda: features)
    assert (again.local.descriptors == features.local.descriptors).all()
    assert again.local.points.shape == (0, 2)


def test_inset_round_trips() -> None:
    page = cached_features(encoded(with_inset(8), "JPEG"))
    assert page.inset is not None
    assert features_from_bytes(features_to_bytes(page), lambda: page).inset == page.inset
