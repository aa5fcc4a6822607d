"""Check that the pieces of a piecewise alignment are consistent with one another. Uses NumPy only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Piece

Floats = NDArray[np.float64]
MAX_END_GAP = 0.25
"""Maximum gap between the ends of a common edge in the found image: fraction of its length, plus one pixel."""
# Fractions of a side: allowed overlap of adjoining boxes, minimum length of common edge
MAX_BOX_OVERLAP, MIN_COMMON_EDGE = (
    0.02,
    0.5,
)
MAX_BOX_GAP = 0.9
"""Maximum gap between adjoining boxes, as a fraction of a side. Pieces with a small gap can still belong together."""
MAX_PIECES, FEW_PIECES = 400, 3


def measure_coherence(pieces: Sequence[Piece], pixel_counts: Sequence[int]) -> float:
    """Measure how consistently adjoining pieces place their common edges in the found image, 0 to 1.

    The result is the smaller of two fractions: the consistent edges, each weighted by the smaller of its two pieces;
    and the visible area of pieces that are consistent with another piece. If no pieces adjoin, the result is 1 for
    fewer than :data:`FEW_PIECES` pieces and otherwise 0. It is 0 for more pieces than occur in practice.

    Args:
        pieces: Alignment of an image with parts of another one.
        pixel_counts: Number of pixels of each piece that no other piece covers. Pieces without any are ignored.
    """
    counts = np.array(pixel_counts, np.float64)
    if len(pieces) > MAX_PIECES:
        return 0.0
    boxes = np.array([piece.box for piece in pieces], np.float64).reshape(-1, 4)[counts > 0]
    matrices = np.array([piece.transform for piece in pieces], np.float64).reshape(-1, 3, 3)[counts > 0]
    counts = counts[counts > 0]
    first, second = np.triu_indices(len(boxes), 1)
    box, other = boxes[first], boxes[second]
    low, high = np.maximum(box[:, :2], other[:, :2]), np.minimum(box[:, 2:], other[:, 2:])
    sides, shared = np.minimum(box[:, 2:] - box[:, :2], other[:, 2:] - other[:, :2]), high - low
    is_touching, runs_along = (
        (shared <= MAX_BOX_OVERLAP * sides) & (-shared <= MAX_BOX_GAP * sides),
        shared >= MIN_COMMON_EDGE * sides,
    )
    is_adjoining = (is_touching & runs_along[:, ::-1]).any(axis=1)
    if not is_adjoining.any():
        return float(len(boxes) < FEW_PIECES)
    first, second = first[is_adjoining], second[is_adjoining]
    inverses: Floats = np.asarray(np.linalg.inv(matrices), np.float64)
    edges = np.stack([low, high], axis=1)[is_adjoining]
    first_edges, second_edges = (_map_points(inverses[piece_indices], edges) for piece_indices in (first, second))
    length = np.minimum(
        *(np.linalg.norm(edge_ends[:, 1] - edge_ends[:, 0], axis=1) for edge_ends in (first_edges, second_edges))
    )
    is_consistent = np.linalg.norm(first_edges - second_edges, axis=2).max(axis=1) <= MAX_END_GAP * length + 1
    weights = np.minimum(counts[first], counts[second])
    consistent_pieces = np.union1d(first[is_consistent], second[is_consistent])
    return float(min(weights[is_consistent].sum() / weights.sum(), counts[consistent_pieces].sum() / counts.sum()))


def _map_points(matrices: Floats, points: Floats) -> Floats:
    """Map groups of points, shape (n, k, 2), each with its own matrix."""
    mapped_points = np.einsum("nij,nkj->nki", matrices[:, :, :2], points) + matrices[:, None, :, 2]
    return np.asarray(mapped_points[..., :2] / mapped_points[..., 2:], np.float64)
