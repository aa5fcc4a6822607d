"""The gradient is that of the network that serves, and following it moves what the network says."""

import numpy as np
import pytest

from bench.cheats import descriptors
from bench.cheats.gradient import built_in
from bench.cheats.questions import picture
from indexer.picture.descriptor import BUILT_IN, centre, prepared
from tests import CHECKOUT

STRANGER, WORK = (picture(CHECKOUT / "demo" / "assets" / "works" / f"{name}.jpg") for name in ("regatta", "old-town"))


def test_the_network_that_is_attacked_says_what_the_one_in_use_says() -> None:
    own, _ = built_in().described(prepared(WORK, BUILT_IN.card)[0])
    assert float(own @ BUILT_IN.vectors([WORK])[0]) > 0.995


def test_the_gradient_is_the_slope() -> None:
    x = prepared(WORK, BUILT_IN.card)[0]
    wanted = descriptors.described(STRANGER)
    before, back = built_in().described(x)
    slope = back(wanted)
    # two grey levels along it and against it: quantised steps, so a rise and not its exact size
    step = np.asarray(2 / 58 * np.sign(slope), np.float32)
    after, against = (float(built_in().described(x + way * step)[0] @ wanted) for way in (1, -1))
    assert against + 0.03 < float(before @ wanted) < after - 0.03


@pytest.mark.parametrize("most", [4, 16])
def test_a_stranger_is_described_like_the_work_and_no_value_changes_by_more(most: int) -> None:
    crafted = descriptors.colliding(STRANGER, WORK, most)
    assert np.abs(crafted.astype(int) - STRANGER).max() <= most
    wanted = descriptors.described(WORK)
    reached = float(descriptors.described(crafted) @ wanted)
    assert reached > float(descriptors.described(STRANGER) @ wanted) + 0.2
    assert most < 16 or reached > 0.4  # within 1 − cosine of .6 a work is named


def test_a_copy_is_described_unlike_its_work_as_a_whole_and_in_its_middle() -> None:
    copy = descriptors.evading(WORK, 8)
    assert np.abs(copy.astype(int) - WORK).max() <= 8
    for part in (WORK, centre(WORK)):
        pair = part, (copy if part is WORK else centre(copy))
        cosine = float(descriptors.described(pair[0]) @ descriptors.described(pair[1]))
        assert cosine < 0.6
