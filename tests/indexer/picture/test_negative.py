import numpy as np
import pytest
from PIL import ImageOps

from exhibit.types import Decision
from indexer.compare.decision import verify
from indexer.picture.features import Features, invert_features
from tests.assets.edited_pictures import PICTURE, cached_features
from tests.assets.textured import encoded


@pytest.fixture(scope="module")
def registered() -> Features:
    return cached_features(encoded(PICTURE))


@pytest.mark.parametrize("turned", [0, 90], ids=str)
def test_negative_is_reviewed_and_its_pixels_are_reported_unchanged(registered: Features, turned: int) -> None:
    inverted = ImageOps.invert(PICTURE).rotate(turned, expand=True)
    result = verify(cached_features(encoded(inverted, "JPEG", 80)), registered)
    assert (result.decision, result.reasons[0], result.rotation) == (Decision.REVIEW, "negative", turned)
    assert result.dense < 0.1
    assert result.in_place is not None
    assert result.in_place > 0.8


def test_negative_has_features_derived_from_picture(registered: Features) -> None:
    inverted = cached_features(encoded(ImageOps.invert(PICTURE)))
    inverted_features = invert_features(registered)
    assert np.bitwise_count(inverted_features.hash_variants ^ inverted.hash_variants).max() <= 4
    same = (inverted_features.local.unit_rows @ inverted.local.unit_rows.T).max(axis=1)
    assert (same > 0.97).mean() > 0.9
