from dataclasses import replace

import pytest

from indexer.compare.geometry import align, correspondences
from indexer.picture.features import Features, Lazy
from indexer.picture.local_features import LocalFeatures
from tests.assets.edited import PICTURE, jpeg, measured
from tests.assets.textured import encoded


@pytest.fixture(scope="module")
def registered() -> Features:
    return measured(encoded(PICTURE))


def test_few_points_are_also_fitted_without_perspective(registered: Features) -> None:
    few = LocalFeatures(registered.local.points[:10], registered.local.descriptors[:10], registered.local.strong)
    found = replace(measured(jpeg(PICTURE)), later_local=Lazy(lambda: few))
    laid = align(correspondences(found, registered), found, registered)
    assert laid is not None
    assert laid.stiff is not None
    assert laid.stiff.transform[2] == pytest.approx([0, 0, 1])
    found = measured(jpeg(PICTURE))
    many = align(correspondences(found, registered), found, registered)
    assert many is not None
    assert many.stiff is None
