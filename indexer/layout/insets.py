"""A picture laid upon another one: a rectangle at all four of whose sides the grey levels step.

Gutters don't separate it from what it lies on, so ``layout.panels`` doesn't find it. Along the sides of a rectangle
that was pasted, the levels step in one row or column and nowhere near it; textures step everywhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.layout.panels import MIN_PIXELS
from indexer.layout.scaling import at_most
from indexer.layout.single_thread import cv2

INSET_SEEN_AT = 256
"""Long side, pixels, of the picture in which sides are looked for."""
SIDE_STEP, ROWS_APART = 10, 3
"""Grey levels that a side steps by, and rows before and behind it that step by less."""
MIN_INSET_SIDE, MAX_INSET_AREA = 0.18, 0.8
"""Shares of the picture's long side and area."""
ALONG = 0.6
"""Share of each side that steps, at least."""
ALONG_ALL = 0.8
"""Mean of these shares over the four sides."""
MAX_LINES = 14
"""Rows, and columns, in which sides are looked for: those that step most."""


def inset(grey: NDArray[np.uint8], size: tuple[int, int]) -> Box | None:
    """The rectangle that sets off most clearly from what it lies on; ``None`` for most photographs.

    It is in pixels of the original, whose width and height are given.
    """
    small = at_most(grey, INSET_SEEN_AT)
    height, width = small.shape
    least = max(round(MIN_INSET_SIDE * max(small.shape)), round(MIN_PIXELS * max(small.shape) / max(size)))
    if min(small.shape) <= max(least, 2 * ROWS_APART + 1):
        return None
    rows, columns = _Lines.of(small, least), _Lines.of(np.ascontiguousarray(small.T), least)
    across, down = rows.pairs(least), columns.pairs(least)
    if not len(across) or not len(down):
        return None
    sides = np.stack([*rows.shares(across[:, None], columns.at[down]), *columns.shares(down, rows.at[across][:, None])])
    shares = sides.mean(axis=0)
    areas = np.outer(np.diff(rows.at[across]), np.diff(columns.at[down]))
    shares[(sides.min(axis=0) < ALONG) | (areas > MAX_INSET_AREA * small.size)] = 0
    one, other = np.unravel_index(int(shares.argmax()), shares.shape)
    if shares[one, other] < ALONG_ALL:
        return None
    (top, bottom), (left, right) = rows.at[across[one]].tolist(), columns.at[down[other]].tolist()
    return Box(left, top, right, bottom).scaled(size[0] / width, size[1] / height)


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Rows in which the levels step along a good part."""

    at: NDArray[np.intp]  # their places, rising
    sums: NDArray[np.int32]  # of each how many of its first pixels step, shape (lines, width + 1)

    @classmethod
    def of(cls, grey: NDArray[np.uint8], least: int) -> "_Lines":
        """Those that step along the greatest share of any ``least`` pixels."""
        steps = _steps(grey)
        shares = cv2.boxFilter(steps, cv2.CV_32F, (least, 1), borderType=cv2.BORDER_CONSTANT).max(axis=1)
        strongest = np.argsort(-shares, kind="stable")[:MAX_LINES]
        at = np.sort(strongest[shares[strongest] >= ALONG])
        return cls(at, np.cumsum(np.pad(steps[at], ((0, 0), (1, 0))), axis=1, dtype=np.int32))

    def pairs(self, least: int) -> NDArray[np.intp]:
        """Numbers of two lines that may be opposite sides, shape (n, 2), the first before the second."""
        numbers = combinations(range(len(self.at)), 2)
        pairs = [(first, second) for first, second in numbers if self.at[second] - self.at[first] >= least]
        return np.array(pairs, np.intp).reshape(-1, 2)

    def shares(self, pairs: NDArray[np.intp], between: NDArray[np.intp]) -> Iterator[NDArray[np.float64]]:
        """Shares of two lines that step between two places; both arrays have shape (…, 2) and are broadcast."""
        first, last = between[..., 0], between[..., 1]
        for side in (0, 1):
            line = pairs[..., side]
            yield (self.sums[line, last] - self.sums[line, first]) / (last - first)


def _steps(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 where the levels step from one row to the next, and by less a few rows before and behind."""
    step = np.zeros_like(grey)
    step[1:-1] = cv2.absdiff(grey[2:], grey[:-2])
    middle, before, behind = step[ROWS_APART:-ROWS_APART], step[: -2 * ROWS_APART], step[2 * ROWS_APART :]
    found = np.zeros_like(grey)
    found[ROWS_APART:-ROWS_APART] = (middle >= SIDE_STEP) & (middle > before) & (middle > behind)
    return found
