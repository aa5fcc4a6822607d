"""Check that the pieces with which an image is aligned to another belong together. Uses NumPy only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Piece

Floats = NDArray[np.float64]
NEAR = 0.25
"""Maximum gap between the ends of a common edge in the found image: share of its length, in addition to one pixel."""
TOUCHING, ALONG = 0.02, 0.5  # shares of a side: allowed overlap of adjoining boxes, minimum length of their common edge
GAP = 0.9
"""Share of a side by which adjoining boxes may be apart. Gaps do not make pieces unrelated."""
MAX_PIECES, FEW = 400, 3


def hang_together(pieces: Sequence[Piece], indices: Sequence[int]) -> float:
    """Return how consistently adjoining pieces place their common edges in the found image, 0 to 1.

    The result is the smaller of two shares: of all edges, each weighted by the smaller of its pieces; and of the area
    shown, in pieces that are consistent with another one. It is 1 for a few pieces without any adjoining ones, 0 for
    more pieces than these without adjoining ones, and 0 for more pieces than occur in practice.

    Args:
        pieces: Alignment of an image with parts of another one.
        indices: Visible pixels of each piece, not covered by others. Pieces without visible pixels are ignored.
    """
    counts = np.array(indices, np.float64)
    if len(pieces) > MAX_PIECES:
        return 0.0
    boxes = np.array([piece.box for piece in pieces], np.float64).reshape(-1, 4)[counts > 0]
    matrices = np.array([piece.transform for piece in pieces], np.float64).reshape(-1, 3, 3)[counts > 0]
    counts = counts[counts > 0]
    first, second = np.triu_indices(len(boxes), 1)
    box, other = boxes[first], boxes[second]
    low, high = np.maximum(box[:, :2], other[:, :2]), np.minimum(box[:, 2:], other[:, 2:])
    sides, shared = np.minimum(box[:, 2:] - box[:, :2], other[:, 2:] - other[:, :2]), high - low
    meets, along = (shared <= TOUCHING * sides) & (-shared <= GAP * sides), shared >= ALONG * sides
    adjoin = (meets & along[:, ::-1]).any(axis=1)
    if not adjoin.any():
        return float(len(boxes) < FEW)
    first, second = first[adjoin], second[adjoin]
    back: Floats = np.asarray(np.linalg.inv(matrices), np.float64)
    edges = np.stack([low, high], axis=1)[adjoin]
    first_edges, second_edges = (_mapped(back[which], edges) for which in (first, second))
    length = np.minimum(*(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) for ends in (first_edges, second_edges)))
    at_one_place = np.linalg.norm(first_edges - second_edges, axis=2).max(axis=1) <= NEAR * length + 1
    heavy = np.minimum(counts[first], counts[second])
    hanging = np.union1d(first[at_one_place], second[at_one_place])
    return float(min(heavy[at_one_place].sum() / heavy.sum(), counts[hanging].sum() / counts.sum()))


def _mapped(matrices: Floats, points: Floats) -> Floats:
    """Map groups of points, shape (n, k, 2), each with its own matrix."""
    moved = np.einsum("nij,nkj->nki", matrices[:, :, :2], points) + matrices[:, None, :, 2]
    return np.asarray(moved[..., :2] / moved[..., 2:], np.float64)
