from dataclasses import replace

import pytest

from indexer.compare.geometry import align, correspondences, most_agreeing
from indexer.picture.features import Features
from indexer.picture.lazy import Lazy
from indexer.picture.local_features import LocalFeatures
from tests.assets.edited import PICTURE, jpeg, measured
from tests.assets.textured import encoded, textured


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


def test_details_too_few_to_lay_a_picture_by_are_counted_all_the_same(registered: Features) -> None:
    copy, stranger = measured(jpeg(PICTURE)), measured(jpeg(textured(58)))
    laid = align(correspondences(copy, registered), copy, registered)
    assert laid is not None
    assert most_agreeing(copy, registered) >= laid.inliers
    assert align(correspondences(stranger, registered), stranger, registered) is None
    assert 0 < most_agreeing(stranger, registered) < 5
