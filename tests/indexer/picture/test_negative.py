import numpy as np
import pytest
from PIL import ImageOps

from exhibit.types import Decision
from indexer.compare.decision import verify
from indexer.picture.features import Features, negative
from tests.assets.edited import PICTURE, measured
from tests.assets.textured import encoded


@pytest.fixture(scope="module")
def registered() -> Features:
    return measured(encoded(PICTURE))


@pytest.mark.parametrize("turned", [0, 90], ids=str)
def test_a_negative_is_reviewed_and_its_pixels_are_stated_as_they_are(registered: Features, turned: int) -> None:
    inverted = ImageOps.invert(PICTURE).rotate(turned, expand=True)
    one = verify(measured(encoded(inverted, "JPEG", 80)), registered)
    assert (one.decision, one.reasons[0], one.rotation) == (Decision.REVIEW, "negative", turned)
    assert one.dense < 0.1
    assert one.in_place is not None
    assert one.in_place > 0.8


def test_a_negative_has_the_features_that_follow_from_the_picture(registered: Features) -> None:
    inverted = measured(encoded(ImageOps.invert(PICTURE)))
    told = negative(registered)
    assert np.bitwise_count(told.hash_variants ^ inverted.hash_variants).max() <= 4
    same = (told.local.units @ inverted.local.units.T).max(axis=1)
    assert (same > 0.97).mean() > 0.9
