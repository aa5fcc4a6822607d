"""Masked parts of a work: caption bars at its edges, and the surroundings of the pictures on a page.

Unrelated pictures may have the same caption or the same page, so the comparison with the work ignores details and
pixels under a mask.
"""

from collections.abc import Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.layout.pages import PAGE, find_pictures

BAR_LEVELS = 6
"""Maximum distance in grey levels from a bar's colour."""
MIN_BAR_FRACTION, MIN_TEXT_LINE_FRACTION, MAX_PICTURE_FRACTION = 0.95, 0.35, 0.4
"""Fractions of a line in the bar's colour: minimum between text and picture, minimum in lines of text, maximum in the
picture."""
MIN_BAR, MAX_BAR = 0.04, 0.45
"""Minimum and maximum height or width of a bar, as a fraction of the picture."""
LINES_AFTER_BAR = 3
"""Maximum number of lines from the end of a bar to the start of the picture."""


def find_masked_boxes(grey: NDArray[np.uint8], composition: Sequence[str], size: tuple[int, int]) -> tuple[Box, ...]:
    """Find the masked rectangles of a work, in pixels of the original, whose width and height are ``size``."""
    boxes = _mask_around_pictures(grey) if PAGE in composition else _find_bars(grey)
    return tuple(box.scale_by(size[0] / grey.shape[1], size[1] / grey.shape[0]) for box in boxes)


def find_points_inside(points: NDArray[np.float32], boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """Return a mask of the points, shape (n, 2), that are in one of the boxes; pixel centres are whole numbers."""
    is_inside = np.zeros(len(points), np.bool_)
    for box in boxes:
        lower_corner, upper_corner = (box.left - 0.5, box.top - 0.5), (box.right - 0.5, box.bottom - 0.5)
        is_inside |= ((points >= lower_corner) & (points < upper_corner)).all(axis=1)
    return is_inside


def remove_boxes(valid: NDArray[np.bool_], boxes: Sequence[Box], to_mask: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Remove boxes in original pixels from a mask; ``to_mask``, 3×3, maps them to pixels of the mask."""
    if not boxes:
        return valid
    remaining_mask = valid.copy()
    for box in boxes:
        corners = np.array([[box.left - 0.5, box.top - 0.5, 1], [box.right - 0.5, box.bottom - 0.5, 1]]) @ to_mask.T
        (x0, y0), (x1, y1) = np.round(corners[:, :2] + 0.5).astype(int).clip(0)
        remaining_mask[y0:y1, x0:x1] = False
    return remaining_mask


def list_surrounding_boxes(box: Box, size: tuple[float, float]) -> tuple[Box, Box, Box, Box]:
    """List the parts of a picture above, below, left and right of a rectangle."""
    width, height = size
    return (
        Box(0, 0, width, box.top),
        Box(0, box.bottom, width, height),
        Box(0, box.top, box.left, box.bottom),
        Box(box.right, box.top, width, box.bottom),
    )


def _mask_around_pictures(grey: NDArray[np.uint8]) -> list[Box]:
    """Return the areas outside the rectangle around all pictures of a page; none if there are no pictures."""
    pictures = find_pictures(grey)
    if not pictures:
        return []
    height, width = grey.shape
    left, top = min(box.left for box in pictures), min(box.top for box in pictures)
    right, bottom = max(box.right for box in pictures), max(box.bottom for box in pictures)
    surroundings = list_surrounding_boxes(Box(left, top, right, bottom), (width, height))
    return [box for box in surroundings if box.width >= 1 and box.height >= 1]


def _find_bars(grey: NDArray[np.uint8]) -> list[Box]:
    height, width = grey.shape
    if min(height, width) < 2 * LINES_AFTER_BAR:
        return []
    top, bottom, left, right = (_measure_bar(lines) for lines in (grey, grey[::-1], grey.T, grey.T[::-1]))
    bars = (
        Box(0, 0, width, top),
        Box(0, height - bottom, width, height),
        Box(0, 0, left, height),
        Box(width - right, 0, width, height),
    )
    return [bar for bar in bars if bar.width >= 1 and bar.height >= 1]


def _measure_bar(lines: NDArray[np.uint8]) -> int:
    """Count the first lines that form a bar: text on a single colour, clearly separated from the picture."""
    colour = float(np.median(lines[0]))
    low, high = max(0, ceil(colour - BAR_LEVELS)), min(255, floor(colour + BAR_LEVELS))
    fractions = ((lines >= low) & (lines <= high)).mean(axis=1)
    ends = np.flatnonzero(fractions < MIN_TEXT_LINE_FRACTION)
    end = int(ends[0]) if len(ends) else len(lines)
    while end > 0 and fractions[end - 1] < MIN_BAR_FRACTION:
        end -= 1
    if not MIN_BAR * len(lines) <= end <= MAX_BAR * len(lines):
        return 0
    return end if fractions[end : end + LINES_AFTER_BAR + 1].min() <= MAX_PICTURE_FRACTION else 0
