"""Invisible marks: a pattern from a secret seed in the lightness of one copy (spread spectrum, Cox et al. 1997).

Detection uses the registered picture. The cells are signs drawn from the seed, so that a picture made without the seed
agrees with it only by chance, with a probability that is bounded for any picture (Hoeffding 1963).
"""

from math import exp

import numpy as np
from numpy.typing import NDArray

from indexer.draw.pair import Pair, Pixels
from indexer.layout.single_thread import cv2

CELLS, LEVELS = 32, 2.0
"""Cells across and down the registered picture, and the approximate change of each in levels of 256."""
COMPARED_SIDE, FIT_ITERATIONS, NEIGHBOURHOOD = 1024, 4, 5
"""Pixels of the longer side; iterations of the brightness fit; cells per side of the neighbourhood of a cell."""


def add_mark(pixels: Pixels, seed: bytes) -> Pixels:
    """Return a copy of a picture, uint8 RGB of shape (height, width, 3), with the mark of a seed."""
    pattern = cv2.resize(LEVELS * _pattern(seed), pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    lighter = np.rint(pattern).astype(np.int16)
    return np.stack([np.clip(pixels[..., colour] + lighter, 0, 255).astype(np.uint8) for colour in range(3)], axis=2)


def compare_cells(pair: Pair) -> NDArray[np.float32]:
    """Return where the found picture is lighter (1) or darker (-1) than the registered one, by cell; 0: not shown.

    Cells are compared with their neighbourhood, after a global adjustment of brightness and contrast.
    """
    whole = pair.registered_source.render(pair.registered_source.frame, (COMPARED_SIDE, COMPARED_SIDE))
    warped, shared = pair.warp_found(pair.first, whole)
    found_levels, registered_levels = (
        cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) for pixels in (warped, whole.pixels)
    )
    deviation, inliers = np.zeros_like(found_levels), shared
    for _ in range(
        FIT_ITERATIONS if shared.any() else 0
    ):  # content laid over the picture is excluded from the second fit on
        slope, shift = np.polyfit(registered_levels[inliers], found_levels[inliers], 1)
        deviation = (found_levels - slope * registered_levels - shift) * shared
        inliers = shared & (np.abs(deviation) <= np.median(np.abs(deviation[shared])))
    planes = deviation, shared.astype(np.float32)
    cells, weight = (cv2.resize(plane, (CELLS, CELLS), interpolation=cv2.INTER_AREA) for plane in planes)
    neighbour_cells, neighbour_weight = (
        cv2.boxFilter(plane, -1, (NEIGHBOURHOOD, NEIGHBOURHOOD)) for plane in (cells, weight)
    )
    return np.asarray(np.sign(cells * neighbour_weight - weight * neighbour_cells), np.float32)


def chance_probability(cells: NDArray[np.float32], seed: bytes) -> float:
    """Return the maximum probability that a picture made without the seed agrees this well with its mark, 0 to 1."""
    agreement, count = max(0.0, float((cells * _pattern(seed)).sum())), int(np.count_nonzero(cells))
    return exp(-(agreement**2) / (2 * max(1, count)))


def _pattern(seed: bytes) -> NDArray[np.float32]:
    bits = np.random.Generator(np.random.PCG64(int.from_bytes(seed))).integers(0, 2, (CELLS, CELLS))
    return (2 * bits - 1).astype(np.float32)
