"""Test that invisible marks are found where they exist, and by chance no more often than stated."""

import numpy as np
from PIL import Image

from exhibit.pictures.decode import decode
from exhibit.types import Decision, Verification
from indexer.draw.invisible import add_mark, compare_cells, compute_chance_probability
from indexer.draw.pair import Pair
from tests.assets.textured import encoded, textured

SEEDS = [bytes([number % 256, number // 256]) * 16 for number in range(2000)]
SAME = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def pair_of(found: bytes, registered: bytes, shift: float = 0.0) -> Pair:
    """Return a pair of images of one size, the sighted one shifted to the right by this many pixels."""
    transform = ((1.0, 0.0, shift), SAME[1], SAME[2])
    verification = Verification(Decision.CERTAIN, 0, 0, 1.0, transform, False, 0, 1.0, 1.0, None, "")  # noqa: FBT003 - a field
    return Pair.from_verification(found, registered, verification)


def test_false_alarm_rate_matches_documented_rate() -> None:
    registered = encoded(textured(1))
    cells = compare_cells(pair_of(encoded(textured(1), "JPEG"), registered))
    by_chance = np.array([compute_chance_probability(cells, seed) for seed in SEEDS])
    for bound in (0.3, 0.1, 0.01, 0.001):
        assert (by_chance <= bound).mean() <= bound
    assert by_chance.min() > 1e-6
    assert (by_chance < 0.3).any()


def test_invisible_mark_is_faint_and_reliable() -> None:
    registered = encoded(textured(1))
    pixels = decode(registered).pixels
    watermarked = add_mark(pixels, SEEDS[7])
    assert 1 <= np.abs(watermarked.astype(int) - pixels).mean() < 3
    cells = compare_cells(pair_of(encoded(Image.fromarray(watermarked)), registered))
    assert compute_chance_probability(cells, SEEDS[7]) < 1e-50
    assert compute_chance_probability(cells, SEEDS[8]) > 1e-6


def test_pictures_without_an_invisible_mark_report_none() -> None:
    registered = encoded(textured(1))
    cells = compare_cells(pair_of(registered, registered, shift=5000.0))
    assert not cells.any()
    assert compute_chance_probability(cells, SEEDS[1]) == 1.0
