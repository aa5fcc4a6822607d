import numpy as np
import pytest
from PIL import Image

from exhibit.types import Decision
from indexer.compare.lens import flat
from indexer.compare.verify import verify
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features
from tests.assets.edited import PICTURE, measured
from tests.assets.textured import encoded


@pytest.fixture(scope="module")
def registered() -> Features:
    return measured(encoded(PICTURE))


@pytest.mark.parametrize("strength", [0.25, -0.3], ids=str)
def test_a_bent_copy_is_reviewed_with_the_nearest_flat_transform(registered: Features, strength: float) -> None:
    y, x = np.mgrid[0:360, 0:480].astype(np.float32)
    factor = 1 + strength * (((x - 240) / 240) ** 2 + ((y - 180) / 240) ** 2 - 0.6)
    bent = cv2.remap(np.asarray(PICTURE), (x - 240) * factor + 240, (y - 180) * factor + 180, cv2.INTER_LINEAR)
    one = verify(measured(encoded(Image.fromarray(bent), "JPEG", 80)), registered)
    assert (one.decision, one.reasons[0]) == (Decision.REVIEW, "lens")
    assert one.transform is not None
    assert one.transform[0][2] + 240 * one.transform[0][0] + 180 * one.transform[0][1] == pytest.approx(240, abs=6)


def test_a_bend_that_no_flat_transform_comes_near_to_leaves_the_transform_as_it_is() -> None:
    onto_one_point = np.diag([0.0, 0.0, 1.0])
    assert (flat(onto_one_point, 0.2, (480, 360)) == onto_one_point).all()
