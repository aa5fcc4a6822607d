"""Invisible marks: a secret pattern in the lightness of one copy (spread spectrum, Cox et al. 1997).

Detection requires the registered picture. Each cell is +1 or -1 at random, derived from the seed. A picture made
without the seed therefore agrees with the pattern only by chance, with a probability that has a bound for any picture
(Hoeffding 1963).
"""

from math import exp

import numpy as np
from numpy.typing import NDArray

from indexer.draw.pair import Pair, Pixels
from indexer.layout.single_thread import cv2

CELL_COUNT, LEVEL_CHANGE = 32, 2.0
"""Number of cells along each side of the registered picture, and the approximate change of each in levels of 256."""
COMPARED_SIDE, FIT_ITERATIONS, NEIGHBOURHOOD = 1024, 4, 5
"""Pixels of the longer side; iterations of the brightness fit; cells per side of the neighbourhood of a cell."""


def add_mark(pixels: Pixels, seed: bytes) -> Pixels:
    """Return a copy of a picture, uint8 RGB of shape (height, width, 3), with the mark of a seed."""
    pattern = cv2.resize(LEVEL_CHANGE * _create_pattern(seed), pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    lighter = np.rint(pattern).astype(np.int16)
    return np.stack([np.clip(pixels[..., colour] + lighter, 0, 255).astype(np.uint8) for colour in range(3)], axis=2)


def compare_cells(pair: Pair) -> NDArray[np.float32]:
    """Compare the found picture with the registered one by cell: 1 lighter, -1 darker, 0 not shown.

    Cells are compared with their neighbourhood, after a global adjustment of brightness and contrast.
    """
    whole_rendering = pair.registered_source.render(pair.registered_source.frame, (COMPARED_SIDE, COMPARED_SIDE))
    warped_pixels, shared_mask = pair.warp_found_picture(pair.first_copy, whole_rendering)
    found_levels, registered_levels = (
        cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for pixels in (warped_pixels, whole_rendering.pixels)
    )
    deviation, inliers = np.zeros_like(found_levels), shared_mask
    for _ in range(
        FIT_ITERATIONS if shared_mask.any() else 0
    ):  # overlaid content is excluded from the second iteration on
        slope, shift = np.polyfit(registered_levels[inliers], found_levels[inliers], 1)
        deviation = (found_levels - slope * registered_levels - shift) * shared_mask
        inliers = shared_mask & (np.abs(deviation) <= np.median(np.abs(deviation[shared_mask])))
    planes = deviation, shared_mask.astype(np.float32)
    cells, weight = (cv2.resize(plane, (CELL_COUNT, CELL_COUNT), interpolation=cv2.INTER_AREA) for plane in planes)
    neighbour_cells, neighbour_weight = (
        cv2.boxFilter(plane, -1, (NEIGHBOURHOOD, NEIGHBOURHOOD)) for plane in (cells, weight)
    )
    return np.asarray(np.sign(cells * neighbour_weight - weight * neighbour_cells), np.float32)


def compute_chance_probability(cells: NDArray[np.float32], seed: bytes) -> float:
    """Compute the maximum probability, 0 to 1, that a picture made without the seed agrees this well with its mark."""
    agreement, count = max(0.0, float((cells * _create_pattern(seed)).sum())), int(np.count_nonzero(cells))
    return exp(-(agreement**2) / (2 * max(1, count)))


def _create_pattern(seed: bytes) -> NDArray[np.float32]:
    bits = np.random.Generator(np.random.PCG64(int.from_bytes(seed))).integers(0, 2, (CELL_COUNT, CELL_COUNT))
    return (2 * bits - 1).astype(np.float32)
