"""Works that are not a single picture: collages, and pages with words around a picture.

Others who use the same page or the same neighbouring pictures share most of such a work without using the owner's part.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.layout.panels import find_panels
from indexer.layout.scaling import shrink_to
from indexer.layout.single_thread import cv2

PAGE_SIDE = 400
"""Long side, in pixels, of the picture in which lines of words are searched for."""
COLLAGE, PAGE = "collage", "page"
MIN_FILLED = 0.6
"""Share of a side along which a rectangle must differ from its surroundings: an object on a white background touches
its box in a few places only."""
FILLED_SIDES = 3
OFF_GROUND = 12
"""Grey levels by which they must differ."""
BETWEEN = 0.25
"""Share of a rectangle in the colour of its surroundings, from which it counts as words."""
MIN_PANELS = 2
MIN_LINES = 5
"""Minimum lines of words outside the pictures; a caption has fewer."""
LINE_HEIGHT = (3, 26)
LINE_RATIO = 2.5
STROKE = 30
"""Grey levels by which words differ from their background."""
GROUND_LEVELS, DEVIATION, MIN_GROUND = 4, 1.0, 0.17
"""Maximum distance in grey levels from the background's colour, maximum deviation in 5×5 pixels, and minimum share
of a page with both; night skies and walls are less even."""
ONE_COLOUR, MIN_ONE = 1, 0.8
"""Maximum distance in grey levels for the exact colour, and its minimum share of the background: .82 and more for
pages, including badly saved ones; at most .69 for clear skies and studio walls, whose levels change gently."""


def classify_composition(grey: NDArray[np.uint8]) -> tuple[str, ...]:
    """Return the kind of composition of a grey picture: ``collage`` or ``page``; empty for a single picture."""
    small = shrink_to(grey, PAGE_SIDE)
    rectangles = _find_filled_panels(grey, small)
    pictures = [box for box in rectangles if not _is_text(small, box)]
    if len(pictures) >= MIN_PANELS:
        return (COLLAGE,)
    background = _find_background(small)
    if background is None:
        return ()
    text_count = len(rectangles) - len(pictures)
    return (PAGE,) if (pictures and text_count) or _count_text_lines(small, pictures, background) >= MIN_LINES else ()


def find_pictures(grey: NDArray[np.uint8]) -> tuple[Box, ...]:
    """Return the rectangles that contain pictures, in pixels of ``grey``, uint8 of shape (height, width)."""
    small = shrink_to(grey, PAGE_SIDE)
    across, down = grey.shape[1] / small.shape[1], grey.shape[0] / small.shape[0]
    return tuple(box.scaled(across, down) for box in _find_filled_panels(grey, small) if not _is_text(small, box))


def _find_filled_panels(grey: NDArray[np.uint8], small: NDArray[np.uint8]) -> list[Box]:
    """Return the filled panels of a picture, in pixels of its small form."""
    height, width = small.shape
    return [box for box in find_panels(grey, (width, height)) if _is_filled(small, box)]


def compute_deviation(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the standard deviation of grey levels in the 5×5 pixels around each pixel."""
    values = grey.astype(np.float32)
    mean = cv2.blur(values, (5, 5))
    return np.asarray(np.sqrt(np.maximum(0, cv2.blur(values * values, (5, 5)) - mean * mean)))


def _is_filled(grey: NDArray[np.uint8], box: Box) -> bool:
    """Return True if a rectangle differs from its surroundings along most of its sides, as a picture does."""
    left, top, right, bottom = box.rounded
    rows, columns = grey[:, left:right].astype(np.int16), grey[top:bottom].astype(np.int16).T
    sides = (
        _is_distinct_edge(rows, top, -1),
        _is_distinct_edge(rows, bottom - 1, 1),
        _is_distinct_edge(columns, left, -1),
        _is_distinct_edge(columns, right - 1, 1),
    )
    return sum(sides) >= FILLED_SIDES


def _is_text(grey: NDArray[np.uint8], box: Box) -> bool:
    """Return True if the surrounding colour shows inside a rectangle, as between close lines of words."""
    left, top, right, bottom = box.rounded
    beyond = (grey[max(0, top - 3) : top, left:right], grey[bottom : bottom + 3, left:right])
    beside = (grey[top:bottom, max(0, left - 3) : left], grey[top:bottom, right : right + 3])
    around = np.concatenate([strip.ravel() for strip in (*beyond, *beside)])
    if not len(around):
        return False
    differences = np.abs(grey[top:bottom, left:right].astype(np.int16) - int(np.median(around)))
    return bool((differences <= OFF_GROUND).mean() >= BETWEEN)


def _is_distinct_edge(lines: NDArray[np.int16], edge: int, outward: int) -> bool:
    """Return True if the lines inside and outside an edge differ along most of it, or at the picture's own edge."""
    outside, within = edge + 3 * outward, edge - 2 * outward
    if not 0 <= outside < len(lines):
        return True
    return bool((np.abs(lines[within] - lines[outside]) >= OFF_GROUND).mean() >= MIN_FILLED)


def _find_background(grey: NDArray[np.uint8]) -> int | None:
    """Return the grey level of a page's background; ``None`` if nothing is even and large enough."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    background = int(np.convolve(counts, (1, 2, 1), mode="same").argmax())
    differences = np.abs(grey.astype(np.int16) - background)
    is_even = differences <= GROUND_LEVELS
    if is_even.mean() >= MIN_GROUND:
        is_even &= compute_deviation(grey) < DEVIATION
    if is_even.mean() < MIN_GROUND or (differences[is_even] <= ONE_COLOUR).mean() < MIN_ONE:
        return None
    return background


def _count_text_lines(grey: NDArray[np.uint8], boxes: list[Box], background: int) -> int:
    """Count the lines of words on the background outside the pictures."""
    strokes = (np.abs(grey.astype(np.int16) - background) >= STROKE).astype(np.uint8)
    for box in boxes:
        strokes[round(box.top) : round(box.bottom), round(box.left) : round(box.right)] = 0
    joined = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, np.ones((1, 11), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    wide, high, area = parts[1:, 2], parts[1:, 3], parts[1:, 4]
    low = (high >= LINE_HEIGHT[0]) & (high <= LINE_HEIGHT[1])
    return int((low & (wide >= LINE_RATIO * high) & (area >= 0.5 * wide * high)).sum())
