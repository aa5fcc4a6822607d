"""Photographs of one generated scene, a moment apart, and so similar that each alone is taken for a copy."""

from functools import cache

import numpy as np
from PIL import Image

from bench.exposures import simulate_nearly_still_camera
from bench.primitives.canvas import RandomSource
from tests.assets.textured import encoded, textured


@cache
def exposure(number: int, seed: int = 1, size: tuple[int, int] = (480, 360)) -> bytes:
    """Return a photograph of a scene as JPEG; each number is another moment."""
    chance = RandomSource(np.random.default_rng([seed, number]), 0.5, ())
    return encoded(Image.fromarray(simulate_nearly_still_camera(np.asarray(textured(seed, size)), chance)), "JPEG", 90)
