"""Whether the pieces in which a picture is laid on another one belong together. NumPy only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Piece

Floats = NDArray[np.float64]
NEAR = 0.25
"""Share of the length of a common edge by which its ends may lie apart in the found picture, besides one pixel."""
TOUCHING, ALONG = 0.02, 0.5  # shares of a side: by which boxes that adjoin lie over another, least length of their edge
GAP = 0.9
"""Share of a side by which boxes may lie apart and still adjoin: gaps make no neighbours strangers."""
MAX_PIECES, FEW = 400, 3


def hang_together(pieces: Sequence[Piece], seen: Sequence[int]) -> float:
    """Whether adjoining pieces show their common edge at one place of the found picture: a share from 0 to 1.

    The least of two: of all edges, each as heavy as the smaller of both pieces, and of what is shown, in pieces that
    hang together with another one. 1 for hardly any pieces none of which adjoins another one, 0 for more than these,
    and for more than anybody lays.

    Args:
        pieces: in which a picture is laid on another one.
        seen: pixels that each of them shows, where no other lies over it. What shows none doesn't count.
    """
    counts = np.array(seen, np.float64)
    if len(pieces) > MAX_PIECES:
        return 0.0
    boxes = np.array([piece.box for piece in pieces], np.float64).reshape(-1, 4)[counts > 0]
    matrices = np.array([piece.transform for piece in pieces], np.float64).reshape(-1, 3, 3)[counts > 0]
    counts = counts[counts > 0]
    first, second = np.triu_indices(len(boxes), 1)
    one, other = boxes[first], boxes[second]
    low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
    sides, shared = np.minimum(one[:, 2:] - one[:, :2], other[:, 2:] - other[:, :2]), high - low
    meets, along = (shared <= TOUCHING * sides) & (-shared <= GAP * sides), shared >= ALONG * sides
    adjoin = (meets & along[:, ::-1]).any(axis=1)
    if not adjoin.any():
        return float(len(boxes) < FEW)
    first, second = first[adjoin], second[adjoin]
    back: Floats = np.asarray(np.linalg.inv(matrices), np.float64)
    edges = np.stack([low, high], axis=1)[adjoin]
    here, there = (_mapped(back[which], edges) for which in (first, second))
    length = np.minimum(*(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) for ends in (here, there)))
    at_one_place = np.linalg.norm(here - there, axis=2).max(axis=1) <= NEAR * length + 1
    heavy = np.minimum(counts[first], counts[second])
    hanging = np.union1d(first[at_one_place], second[at_one_place])
    return float(min(heavy[at_one_place].sum() / heavy.sum(), counts[hanging].sum() / counts.sum()))


def _mapped(matrices: Floats, points: Floats) -> Floats:
    """Points, shape (n, k, 2), each group by a matrix of its own."""
    moved = np.einsum("nij,nkj->nki", matrices[:, :, :2], points) + matrices[:, None, :, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:], np.float64)
