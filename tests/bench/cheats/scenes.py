"""Two made pictures, and what chance draws."""

import numpy as np

from bench.primitives.canvas import Chance, Pixels
from tests.assets.textured import textured

STRANGER: Pixels = np.asarray(textured(11, (640, 480)))
WORK: Pixels = np.asarray(textured(12, (640, 480)))
OTHERS: tuple[Pixels, ...] = tuple(np.asarray(textured(seed, (640, 480))) for seed in (13, 14))


def chance(seed: int = 1) -> Chance:
    """The same for the same seed."""
    return Chance(np.random.default_rng(seed), 0.5, OTHERS)
