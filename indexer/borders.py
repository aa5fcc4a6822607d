"""Finding what lies inside constant borders, such as frames and letterboxes."""

import numpy as np
from numpy.typing import NDArray

from indexer.orientation import Box

SPREAD = 14
"""Grey levels that a line of a border may span, so that JPEG's ringing doesn't end it."""
STEP = 10
"""Grey levels by which a line's middle may differ from the outermost line."""
NESTED = 3
LEAST_SHARE = 0.25


def content_box(grey: NDArray[np.uint8]) -> Box | None:
    """The rectangle inside constant borders, up to three nested ones.

    Args:
        grey: uint8, shape (height, width).

    Returns:
        The rectangle in pixels of ``grey``, or ``None`` when there is no border, or hardly anything inside it.
    """
    height, width = grey.shape
    top, bottom, left, right = 0, height, 0, width
    for _ in range(NESTED):
        inside = grey[top:bottom, left:right]
        rows, columns = _constant_ends(inside), _constant_ends(inside.T)
        if rows == (0, 0) and columns == (0, 0):
            break
        top, bottom, left, right = top + rows[0], bottom - rows[1], left + columns[0], right - columns[1]
        if bottom - top < LEAST_SHARE * height or right - left < LEAST_SHARE * width:
            return None
    found = (left, top, right, bottom)
    return None if found == (0, 0, width, height) else Box(*map(float, found))


def _constant_ends(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """How many lines at the beginning and at the end are constant and alike."""
    if min(grey.shape) < 2:
        return 0, 0
    low, middle, high = np.percentile(grey, (2, 50, 98), axis=1)
    flat = (high - low) <= SPREAD
    return _run(flat, middle), _run(flat[::-1], middle[::-1])


def _run(flat: NDArray[np.bool_], middle: NDArray[np.float64]) -> int:
    good = flat & (np.abs(middle - middle[0]) <= STEP)
    return len(good) if good.all() else int(np.argmin(good))
