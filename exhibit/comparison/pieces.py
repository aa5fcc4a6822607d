"""Whether the pieces in which a picture is laid on another one belong together. NumPy only."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Piece

Floats = NDArray[np.float64]
NEAR = 0.25  # share of the length of a shared edge by which its two ends may lie apart in the found picture
MAX_PIECES = 400


def hang_together(pieces: Sequence[Piece]) -> float:
    """The share of pieces that adjoin one another and show the edge that they share at one place of the found picture.

    1 for pieces none of which adjoins another one, unless there are many; 0 for more than anybody lays.
    """
    if len(pieces) > MAX_PIECES:
        return 0.0
    back = [np.asarray(np.linalg.inv(np.asarray(piece.transform, np.float64)), np.float64) for piece in pieces]
    shared = [
        (one, other, edge)
        for one, other in combinations(range(len(pieces)), 2)
        if (edge := _shared_edge(pieces[one].box, pieces[other].box)) is not None
    ]
    if not shared:
        return 1.0 if len(pieces) < 9 else 0.0
    return float(np.mean([_meets(edge, back[one], back[other]) for one, other, edge in shared]))


def _shared_edge(one: Sequence[float], other: Sequence[float]) -> Floats | None:
    """Both ends of the edge that two boxes share, shape (2, 2); ``None`` where they don't adjoin."""
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[2:], other[2:])
    sides = np.minimum(np.subtract(one[2:], one[:2]), np.subtract(other[2:], other[:2]))
    meets = np.abs(high - low) <= 0.02 * sides
    along = high - low >= 0.5 * sides
    if not ((meets[0] and along[1]) or (meets[1] and along[0])):
        return None
    return np.array([low, high])


def _meets(edge: Floats, one: Floats, other: Floats) -> bool:
    """Whether two pieces show an edge at one place."""
    here, there = _mapped(one, edge), _mapped(other, edge)
    lengths = [float(np.linalg.norm(ends[1] - ends[0])) for ends in (here, there)]
    apart = np.linalg.norm(here - there, axis=1).max()
    return bool(np.isfinite(apart) and apart <= NEAR * min(lengths) + 1)


def _mapped(matrix: Floats, points: Floats) -> Floats:
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(moved[:, :2] / moved[:, 2:], np.float64)
