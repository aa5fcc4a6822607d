"""Every picture within a picture, however small: on a page, in a sheet of dozens, on a wall of tiles, one in another.

A picture is cut along gutters as by ``layout.panels``, and where there are none along rows or columns at which the
levels step from one side to the other, as tiles without gaps do; in what is left, rectangles are looked for that were
laid upon it (``layout.insets``), and in those again.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.layout.insets import ROWS_APART, Steps, rectangles
from indexer.layout.orientation import Box
from indexer.layout.panels import Region, area, cut, shows_something

MIN_SIDE = 56
"""Shorter side of a region in original pixels: with less there is little to recognise."""
MIN_SEEN, MIN_SHARE = 12, 0.05
"""The same in the grey picture, and as a share of its long side."""
MIN_WHOLE = 256
"""Long side, in original pixels, of a picture in which regions are looked for: no thumbnail."""
MAX_AREA = 0.9
"""Share of the picture."""
MIN_LAID = 0.1
"""Shorter side of what is laid upon a region, as a share of that one's long side."""
SHADES = 10
"""Grey levels that a tenth of a region's pixels are away from its median at least: also dark pictures are some."""
DEPTH = 6
ACROSS = 0.6
"""Share of a row that steps, from which a picture without gutters is cut there."""
CLEAR, LAID_ON_ONE = 0.9, 4
"""As :func:`insets.rectangles` takes them: how clear the sides of one are, and how many are looked for in a region."""
MAX_REGIONS = 96


def regions(grey: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box, ...]:
    """The pictures within a grey picture, largest first; few or none of an ordinary photograph, none of a thumbnail.

    Boxes are in pixels of the original, whose width and height are given.
    """
    if max(size) < MIN_WHOLE:
        return ()
    height, width = grey.shape
    least = max(MIN_SEEN, round(MIN_SIDE * max(grey.shape) / max(size)), round(MIN_SHARE * max(grey.shape)))
    steps = Steps.of(grey)

    def along_steps(region: Region, depth: int) -> list[Region]:
        """A region that gutters leave, and what it is cut into along steps: a wall of tiles may be one photograph."""
        top, bottom, left, right = region
        if min(bottom - top, right - left) < least:
            return []
        shares = steps.rows[top:bottom, left:right].mean(axis=1), steps.columns[top:bottom, left:right].mean(axis=0)
        axis = 0 if shares[0].max() >= shares[1].max() else 1
        places = _places(shares[axis], least) if depth else []
        if not places:
            return [region]
        begin, end = (top, bottom) if axis == 0 else (left, right)
        parts = pairwise([begin, *(begin + place for place in places), end])
        within = [(one, other, left, right) if axis == 0 else (top, bottom, one, other) for one, other in parts]
        return [region, *(part for piece in within for part in cut(grey, piece, depth - 1, along_steps))]

    waiting = cut(grey, (0, height, 0, width), DEPTH, along_steps)
    found = dict.fromkeys(waiting)
    while waiting and len(found) < MAX_REGIONS:
        below = waiting.pop(0)
        long, short = sorted((below[1] - below[0], below[3] - below[2]), reverse=True)
        if short < 2 * least:  # what lay upon it would leave little of it
            continue
        smallest = max(least, round(MIN_LAID * long))
        for region in rectangles(steps, below, smallest, CLEAR, LAID_ON_ONE):
            found[region] = None
            top, bottom, left, right = region
            waiting.append((top + ROWS_APART, bottom - ROWS_APART, left + ROWS_APART, right - ROWS_APART))
    kept = [region for region in found if area(region) < MAX_AREA * grey.size and shows_something(grey, region, SHADES)]
    kept.sort(key=lambda region: (-area(region), region))
    boxes = (Box(left, top, right, bottom) for top, bottom, left, right in kept)
    return tuple(box.scaled(size[0] / width, size[1] / height) for box in boxes)


def _places(shares: NDArray[np.float64], least: int) -> list[int]:
    """Where most of a row steps, at least so many rows from one another and from both ends; rising."""
    chosen: list[int] = []
    for place in np.argsort(-shares, kind="stable").tolist():
        if shares[place] < ACROSS:
            break
        if all(abs(place - other) >= least for other in (0, len(shares), *chosen)):
            chosen.append(place)
    return sorted(chosen)
