"""Pictures placed on another picture: rectangles with a step in the grey levels along all four sides.

No gutters separate them from their background, so ``layout.panels`` does not find them. Along the sides of a pasted
rectangle, the levels step in a single row or column; textures step everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.layout.panels import MIN_PIXELS, Region
from indexer.layout.scaling import shrink_to
from indexer.layout.single_thread import cv2

INSET_SIDE = 256
"""Long side, in pixels, of the picture in which sides are searched for."""
SIDE_STEP, ROWS_APART = 10, 3
"""Step at a side in grey levels, and number of rows before and after it with smaller steps."""
MIN_INSET_SIDE, MAX_INSET_AREA = 0.18, 0.8
"""Minimum side and maximum area, as shares of the picture's long side and area."""
CLEAR = 0.95
"""Minimum mean share of the four sides that steps."""
LEAST_CLEAR = 0.15
"""Tolerance by which the share of a single side may be lower."""
MAX_LINES = 28
"""Number of rows and of columns in which sides are searched for: those with the longest runs of steps."""
RUN = 30
"""Maximum length of a run of steps, in pixels, required of a line."""
SAME_LINE = 2
"""Distance in rows within which two lines count as one."""
SAME_RECTANGLE = 0.5
"""Intersection over union from which only the clearer of two rectangles is kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Positions of steps in the levels of a picture, uint8, 1 or 0, in its shape."""

    rows: NDArray[np.uint8]  # from one row to the next
    columns: NDArray[np.uint8]  # from one column to the next

    @classmethod
    def from_picture(cls, grey: NDArray[np.uint8]) -> "Steps":
        """Find steps that are larger than those a few rows or columns before and after."""
        return cls(_find_steps(grey), cv2.transpose(_find_steps(cv2.transpose(grey))))


def find_inset(grey: NDArray[np.uint8], size: tuple[int, int]) -> Box | None:
    """Return the rectangle that stands out most clearly; ``None`` for most photographs.

    The rectangle is in pixels of the original, whose width and height are ``size``.
    """
    small = shrink_to(grey, INSET_SIDE)
    height, width = small.shape
    min_side = max(round(MIN_INSET_SIDE * max(small.shape)), round(MIN_PIXELS * max(small.shape) / max(size)))
    for top, bottom, left, right in find_rectangles(
        Steps.from_picture(small), (0, height, 0, width), min_side, CLEAR, 1
    ):
        return Box(left, top, right, bottom).scaled(size[0] / width, size[1] / height)
    return None


def find_rectangles(steps: Steps, region: Region, min_side: int, min_share: float, limit: int) -> Iterator[Region]:
    """Yield the clearest rectangles within a region.

    Args:
        steps: Steps of the picture.
        region: The region.
        min_side: Minimum length of a side in pixels.
        min_share: Minimum mean share of the sides that steps.
        limit: Maximum number of rectangles.
    """
    top, bottom, left, right = region
    if min(bottom - top, right - left) <= max(min_side, 2 * ROWS_APART + 1):
        return
    rows = _Lines.from_steps(steps.rows[top:bottom, left:right], min_side)
    columns = _Lines.from_steps(cv2.transpose(steps.columns[top:bottom, left:right]), min_side)
    across, down = rows.pairs(min_side), columns.pairs(min_side)
    along, beside = rows.shares(columns.at[down]), columns.shares(rows.at[across])
    clear_rows, clear_columns = along >= min_share - LEAST_CLEAR, beside >= min_share - LEAST_CLEAR
    row_pairs, column_pairs = np.nonzero(
        clear_rows[across[:, 0]] & clear_rows[across[:, 1]] & (clear_columns[down[:, 0]] & clear_columns[down[:, 1]]).T
    )
    first, second, before, behind = *across[row_pairs].T, *down[column_pairs].T
    shares = (
        along[first, column_pairs] + along[second, column_pairs] + beside[before, row_pairs] + beside[behind, row_pairs]
    ) / 4
    high, low, near, far = rows.at[first], rows.at[second], columns.at[before], columns.at[behind]
    areas = (low - high) * (far - near)
    is_candidate = (shares >= min_share) & (areas <= MAX_INSET_AREA * (bottom - top) * (right - left))
    for _ in range(limit):
        high, low, near, far, shares, areas = (
            figures[is_candidate] for figures in (high, low, near, far, shares, areas)
        )
        if not len(shares):
            return
        best = int(shares.argmax())
        yield top + int(high[best]), top + int(low[best]), left + int(near[best]), left + int(far[best])
        deep = np.minimum(low, low[best]) - np.maximum(high, high[best])
        wide = np.minimum(far, far[best]) - np.maximum(near, near[best])
        both = np.maximum(0, deep) * np.maximum(0, wide)
        is_candidate = both <= SAME_RECTANGLE * (areas + areas[best] - both)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Rows with steps along a good part of their length."""

    at: NDArray[np.intp]  # their positions, ascending
    sums: NDArray[np.int32]  # for each line, cumulative number of steps, shape (lines, width + 1)

    @classmethod
    def from_steps(cls, steps: NDArray[np.uint8], min_length: int) -> "_Lines":
        """Find the lines with the longest runs of steps, each of ``min_length`` pixels or more."""
        closed = cv2.morphologyEx(np.ascontiguousarray(steps), cv2.MORPH_CLOSE, np.ones((1, 3), np.uint8))
        opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((1, min(min_length, RUN)), np.uint8))
        runs = cv2.reduce(opened, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
        line_rows: list[int] = []
        is_occupied = bytearray(len(runs) + 2 * SAME_LINE)
        for row in np.argsort(-runs, kind="stable").tolist():
            if not runs[row] or len(line_rows) == MAX_LINES:
                break
            if not is_occupied[row + SAME_LINE]:
                line_rows.append(row)
                is_occupied[row : row + 2 * SAME_LINE + 1] = b"\1" * (2 * SAME_LINE + 1)
        at = np.sort(np.array(line_rows, np.intp))
        above, below = np.maximum(at - 1, 0), np.minimum(at + 1, len(runs) - 1)
        near = np.maximum(closed[at], np.maximum(closed[above], closed[below]))
        sums = np.zeros((len(at), closed.shape[1] + 1), np.int32)
        np.cumsum(near, axis=1, dtype=np.int32, out=sums[:, 1:])
        return cls(at, sums)

    def pairs(self, min_distance: int) -> NDArray[np.intp]:
        """Return pairs of lines that may be opposite sides, shape (n, 2), the first before the second."""
        first, second = _list_pairs(len(self.at))
        distances = self.at[second] - self.at[first]
        return np.stack([first, second], axis=1)[distances >= min_distance]

    def shares(self, between: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the share of each line that steps between two positions of shape (n, 2): shape (lines, n)."""
        first, last = between.T
        return np.asarray((self.sums[:, last] - self.sums[:, first]) / (last - first))


@cache
def _list_pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of ``count`` lines, the lower number first; there are at most :data:`MAX_LINES`."""
    first, second = np.triu_indices(count, 1)
    return first, second


def _find_steps(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 1 where the levels step from one row to the next, and less a few rows before and after."""
    step, mask = np.zeros_like(grey), np.zeros_like(grey)
    if len(grey) <= 2 * ROWS_APART:
        return mask
    step[1:-1] = cv2.absdiff(grey[2:], grey[:-2])
    middle, before, behind = step[ROWS_APART:-ROWS_APART], step[: -2 * ROWS_APART], step[2 * ROWS_APART :]
    mask[ROWS_APART:-ROWS_APART] = (middle >= SIDE_STEP) & (middle > before) & (middle > behind)
    return mask
