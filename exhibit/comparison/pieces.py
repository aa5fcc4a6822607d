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


def hang_together(pieces: Sequence[Piece]) -> float:
    """The share of the edges between adjoining pieces, by length, that lie at one place of the found picture.

    1 for a few pieces none of which adjoins another one, 0 for many such ones, and for more than anybody lays.
    """
    if len(pieces) > MAX_PIECES:
        return 0.0
    boxes = np.array([piece.box for piece in pieces], np.float64).reshape(-1, 4)
    first, second = np.triu_indices(len(pieces), 1)
    one, other = boxes[first], boxes[second]
    low, high = np.maximum(one[:, :2], other[:, :2]), np.minimum(one[:, 2:], other[:, 2:])
    sides, shared = np.minimum(one[:, 2:] - one[:, :2], other[:, 2:] - other[:, :2]), high - low
    meets, along = (shared <= TOUCHING * sides) & (-shared <= GAP * sides), shared >= ALONG * sides
    adjoining = meets & along[:, ::-1]
    adjoin = adjoining.any(axis=1)
    if not adjoin.any():
        return float(len(pieces) < FEW)
    common = np.where(adjoining, shared[:, ::-1], 0).max(axis=1)[adjoin]
    back = np.linalg.inv(np.array([piece.transform for piece in pieces], np.float64))
    edges = np.stack([low, high], axis=1)[adjoin]
    here, there = (_mapped(back[which[adjoin]], edges) for which in (first, second))
    length = np.minimum(*(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) for ends in (here, there)))
    apart = np.linalg.norm(here - there, axis=2).max(axis=1)
    return float(np.sum(common * (apart <= NEAR * length + 1)) / common.sum())


def _mapped(matrices: Floats, points: Floats) -> Floats:
    """Points, shape (n, k, 2), each group by a matrix of its own."""
    moved = np.einsum("nij,nkj->nki", matrices[:, :, :2], points) + matrices[:, None, :, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:], np.float64)
