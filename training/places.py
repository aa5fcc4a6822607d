"""Which cells of the network's last map show the same place of a work, in a view and in the work."""

import numpy as np
from numpy.typing import NDArray

STRIDE = 32
"""Pixels of the input for one cell of the last map."""
POINTS = 8
"""Points of a cell that are looked at, each way."""


def overlaps(origin: NDArray[np.float32], work: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """How much of each cell of a view shows each cell of a work.

    Args:
        origin: x and y of the picture that each pixel of the view shows, or NaN; shape (height, width, 2).
        work: likewise of the work's own view, which is a rectangle of the picture.
        side: of the network's input, pixels.

    Returns:
        Shares of 0 to 1, shape (cells of the view, cells of the work), row by row.
    """
    count = side // STRIDE
    line = np.arange(count * POINTS)
    rows, columns = ((line * length + length // 2) // len(line) for length in origin.shape[:2])
    first, last = work[0, 0], work[-1, -1]
    with np.errstate(invalid="ignore"):
        shown = np.floor((origin[rows][:, columns] - first) / (last - first + 1) * count)
    there = ((shown >= 0) & (shown < count)).all(2)
    cells = (line // POINTS)[:, None] * count + line // POINTS
    pairs = cells[there] * count**2 + (shown[there] @ [1, count]).astype(int)
    return (np.bincount(pairs, minlength=count**4) / POINTS**2).reshape(count**2, -1).astype(np.float32)
