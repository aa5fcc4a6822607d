"""Detection of pictures placed on another picture: rectangles with a step in the grey levels along all four sides.

No gutters separate these pictures from their background, so ``layout.panels`` does not find them. Along the sides of a
pasted rectangle, the levels step in a single row or column; in textures, they step everywhere.
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
MIN_SIDE_STEP, ROW_DISTANCE = 10, 3
"""Step at a side in grey levels, and number of rows before and after it with smaller steps."""
MIN_INSET_SIDE, MAX_INSET_AREA = 0.18, 0.8
"""Minimum side and maximum area, as fractions of the picture's long side and area."""
MIN_CLEAR_FRACTION = 0.95
"""Minimum fraction of a side along which the levels step, as the mean of the four sides."""
CLEAR_TOLERANCE = 0.15
"""Amount by which the fraction of a single side may be below that minimum."""
MAX_LINES = 28
"""Maximum number of rows, and of columns, in which sides are searched for: those with the longest runs of steps."""
MAX_REQUIRED_RUN = 30
"""Maximum length of a run of steps, in pixels, required of a line."""
SAME_LINE_DISTANCE = 2
"""Distance in rows within which two lines count as one."""
SAME_RECTANGLE_OVERLAP = 0.5
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
    """Find the rectangle with the clearest sides; return ``None`` if there is none, as in most photographs.

    The rectangle is in pixels of the original, whose width and height are ``size``.
    """
    small = shrink_to(grey, INSET_SIDE)
    height, width = small.shape
    min_side = max(round(MIN_INSET_SIDE * max(small.shape)), round(MIN_PIXELS * max(small.shape) / max(size)))
    for top, bottom, left, right in find_rectangles(
        Steps.from_picture(small), (0, height, 0, width), min_side, MIN_CLEAR_FRACTION, 1
    ):
        return Box(left, top, right, bottom).scale_by(size[0] / width, size[1] / height)
    return None


def find_rectangles(steps: Steps, region: Region, min_side: int, min_fraction: float, limit: int) -> Iterator[Region]:
    """Yield the clearest rectangles within a region.

    Args:
        steps: Steps of the picture.
        region: The region.
        min_side: Minimum length of a side in pixels.
        min_fraction: Minimum fraction of a side along which the levels step, as the mean of the sides.
        limit: Maximum number of rectangles.
    """
    top, bottom, left, right = region
    if min(bottom - top, right - left) <= max(min_side, 2 * ROW_DISTANCE + 1):
        return
    rows = _Lines.from_steps(steps.rows[top:bottom, left:right], min_side)
    columns = _Lines.from_steps(cv2.transpose(steps.columns[top:bottom, left:right]), min_side)
    across, down = rows.list_pairs(min_side), columns.list_pairs(min_side)
    row_fractions, column_fractions = (
        rows.compute_fractions(columns.positions[down]),
        columns.compute_fractions(rows.positions[across]),
    )
    clear_rows, clear_columns = (
        row_fractions >= min_fraction - CLEAR_TOLERANCE,
        column_fractions >= min_fraction - CLEAR_TOLERANCE,
    )
    row_pairs, column_pairs = np.nonzero(
        clear_rows[across[:, 0]] & clear_rows[across[:, 1]] & (clear_columns[down[:, 0]] & clear_columns[down[:, 1]]).T
    )
    first, second, left_lines, right_lines = *across[row_pairs].T, *down[column_pairs].T
    fractions = (
        row_fractions[first, column_pairs]
        + row_fractions[second, column_pairs]
        + column_fractions[left_lines, row_pairs]
        + column_fractions[right_lines, row_pairs]
    ) / 4
    tops, bottoms, lefts, rights = (
        rows.positions[first],
        rows.positions[second],
        columns.positions[left_lines],
        columns.positions[right_lines],
    )
    areas = (bottoms - tops) * (rights - lefts)
    is_candidate = (fractions >= min_fraction) & (areas <= MAX_INSET_AREA * (bottom - top) * (right - left))
    for _ in range(limit):
        tops, bottoms, lefts, rights, fractions, areas = (
            figures[is_candidate] for figures in (tops, bottoms, lefts, rights, fractions, areas)
        )
        if not len(fractions):
            return
        best_index = int(fractions.argmax())
        yield (
            top + int(tops[best_index]),
            top + int(bottoms[best_index]),
            left + int(lefts[best_index]),
            left + int(rights[best_index]),
        )
        shared_heights = np.minimum(bottoms, bottoms[best_index]) - np.maximum(tops, tops[best_index])
        shared_widths = np.minimum(rights, rights[best_index]) - np.maximum(lefts, lefts[best_index])
        intersections = np.maximum(0, shared_heights) * np.maximum(0, shared_widths)
        is_candidate = intersections <= SAME_RECTANGLE_OVERLAP * (areas + areas[best_index] - intersections)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Rows with steps along a good part of their length."""

    positions: NDArray[np.intp]  # positions of the lines, ascending
    sums: NDArray[np.int32]  # for each line, cumulative number of steps, shape (lines, width + 1)

    @classmethod
    def from_steps(cls, steps: NDArray[np.uint8], min_length: int) -> "_Lines":
        """Find the lines with the longest runs of steps, each of ``min_length`` pixels or more."""
        closed_steps = cv2.morphologyEx(np.ascontiguousarray(steps), cv2.MORPH_CLOSE, np.ones((1, 3), np.uint8))
        opened_steps = cv2.morphologyEx(
            closed_steps, cv2.MORPH_OPEN, np.ones((1, min(min_length, MAX_REQUIRED_RUN)), np.uint8)
        )
        runs = cv2.reduce(opened_steps, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
        line_rows: list[int] = []
        is_occupied = bytearray(len(runs) + 2 * SAME_LINE_DISTANCE)
        for row in np.argsort(-runs, kind="stable").tolist():
            if not runs[row] or len(line_rows) == MAX_LINES:
                break
            if not is_occupied[row + SAME_LINE_DISTANCE]:
                line_rows.append(row)
                is_occupied[row : row + 2 * SAME_LINE_DISTANCE + 1] = b"\1" * (2 * SAME_LINE_DISTANCE + 1)
        positions = np.sort(np.array(line_rows, np.intp))
        lines_above, lines_below = np.maximum(positions - 1, 0), np.minimum(positions + 1, len(runs) - 1)
        nearby_steps = np.maximum(
            closed_steps[positions], np.maximum(closed_steps[lines_above], closed_steps[lines_below])
        )
        sums = np.zeros((len(positions), closed_steps.shape[1] + 1), np.int32)
        np.cumsum(nearby_steps, axis=1, dtype=np.int32, out=sums[:, 1:])
        return cls(positions, sums)

    def list_pairs(self, min_distance: int) -> NDArray[np.intp]:
        """Return pairs of lines that may be opposite sides, shape (n, 2), the first before the second."""
        first, second = _list_pairs(len(self.positions))
        distances = self.positions[second] - self.positions[first]
        return np.stack([first, second], axis=1)[distances >= min_distance]

    def compute_fractions(self, between: NDArray[np.intp]) -> NDArray[np.float64]:
        """Compute the fraction of steps in each line between two positions of shape (n, 2): shape (lines, n)."""
        first, last = between.T
        return np.asarray((self.sums[:, last] - self.sums[:, first]) / (last - first))


@cache
def _list_pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of ``count`` lines, the lower number first; there are at most :data:`MAX_LINES`."""
    first, second = np.triu_indices(count, 1)
    return first, second


def _find_steps(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 1 where the levels step from one row to the next by more than they do a few rows before and after."""
    step, mask = np.zeros_like(grey), np.zeros_like(grey)
    if len(grey) <= 2 * ROW_DISTANCE:
        return mask
    step[1:-1] = cv2.absdiff(grey[2:], grey[:-2])
    centre_steps, steps_before, steps_after = (
        step[ROW_DISTANCE:-ROW_DISTANCE],
        step[: -2 * ROW_DISTANCE],
        step[2 * ROW_DISTANCE :],
    )
    mask[ROW_DISTANCE:-ROW_DISTANCE] = (
        (centre_steps >= MIN_SIDE_STEP) & (centre_steps > steps_before) & (centre_steps > steps_after)
    )
    return mask
