"""The hash really is where it was bent to, also after the picture was saved."""

import numpy as np
import pytest

from bench.cheats import hashing
from bench.cheats.questions import file_of
from bench.cheats.truth import psnr
from indexer.picture.features import extract
from tests.bench.cheats.scenes import STRANGER, WORK


def apart(one: bytes, other: bytes) -> int:
    """Bits between the hashes of two files as the product measures them."""
    hashes = [np.frombuffer(extract(data).hashes["whole"], np.uint8) for data in (one, other)]
    return int(np.bitwise_count(hashes[0] ^ hashes[1]).sum())


@pytest.mark.parametrize("within", [80, 44, 14])
def test_a_stranger_is_brought_within_reach_of_a_works_hash(within: int) -> None:
    assert apart(file_of(STRANGER), file_of(WORK)) > 95
    crafted = hashing.colliding(STRANGER, WORK, within)
    assert apart(file_of(crafted), file_of(WORK)) <= within + 4
    assert (psnr(crafted, STRANGER) or 0) > 18


def test_the_nearer_it_has_to_be_the_more_is_changed() -> None:
    changes = [psnr(hashing.colliding(STRANGER, WORK, within), STRANGER) or 0 for within in (80, 44, 14)]
    assert changes == sorted(changes, reverse=True)


def test_a_copy_is_pushed_out_of_reach_of_its_own_hash() -> None:
    copy = hashing.evading(WORK)
    assert apart(file_of(copy), file_of(WORK)) > 95
    assert (psnr(copy, WORK) or 0) > 25
