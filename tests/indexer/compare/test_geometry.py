from dataclasses import replace

import pytest

from indexer.compare.geometry import align, find_correspondences
from indexer.picture.features import Features, Lazy
from indexer.picture.local_features import LocalFeatures
from tests.assets.edited_pictures import PICTURE, cached_features, jpeg
from tests.assets.textured import encoded


@pytest.fixture(scope="module")
def registered() -> Features:
    return cached_features(encoded(PICTURE))


def test_few_points_are_also_fitted_without_perspective(registered: Features) -> None:
    few = LocalFeatures(registered.local.points[:10], registered.local.descriptors[:10], registered.local.strong_count)
    picture = replace(cached_features(jpeg(PICTURE)), lazy_local=Lazy(lambda: few))
    alignment = align(find_correspondences(picture, registered), picture, registered)
    assert alignment is not None
    assert alignment.stiff is not None
    assert alignment.stiff.transform[2] == pytest.approx([0, 0, 1])
    picture = cached_features(jpeg(PICTURE))
    many = align(find_correspondences(picture, registered), picture, registered)
    assert many is not None
    assert many.stiff is None
