"""Detection of works that are not a single picture: collages, and pages with text around a picture.

Another site may use the same page or the same neighbouring pictures, and so most of such a work, without the owner's
part.
"""

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.layout.panels import find_panels
from indexer.layout.scaling import shrink_to
from indexer.layout.single_thread import cv2

PAGE_SIDE = 400
"""Long side, in pixels, of the picture in which text lines are searched for."""
COLLAGE, PAGE = "collage", "page"
MIN_FILLED_FRACTION = 0.6
"""Minimum fraction of a side along which a rectangle differs from its surroundings; an object on a white background
touches its box in a few places only."""
MIN_FILLED_SIDES = 3
MIN_BACKGROUND_DIFFERENCE = 12
"""Minimum difference in grey levels between a rectangle and its surroundings."""
MIN_BACKGROUND_FRACTION = 0.25
"""Minimum fraction of a rectangle in the colour of its surroundings that classifies it as text."""
MIN_PANELS = 2
MIN_LINES = 5
"""Minimum number of text lines outside the pictures; a caption has fewer."""
LINE_HEIGHT = (3, 26)
LINE_RATIO = 2.5
MIN_STROKE_DIFFERENCE = 30
"""Minimum difference in grey levels between text and its background."""
BACKGROUND_LEVELS, MAX_DEVIATION, MIN_BACKGROUND_AREA = 4, 1.0, 0.17
"""Maximum distance in grey levels from the background's colour, maximum deviation in 5×5 pixels, and minimum share
of a page with both; night skies and walls are less even."""
EXACT_COLOUR_DISTANCE, MIN_EXACT_COLOUR_FRACTION = 1, 0.8
"""Maximum distance in grey levels for the exact colour, and its minimum fraction of the background: .82 and more for
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
    return tuple(box.scale_by(across, down) for box in _find_filled_panels(grey, small) if not _is_text(small, box))


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
    left, top, right, bottom = box.rounded_edges
    rows, columns = grey[:, left:right].astype(np.int16), grey[top:bottom].astype(np.int16).T
    sides = (
        _is_distinct_edge(rows, top, -1),
        _is_distinct_edge(rows, bottom - 1, 1),
        _is_distinct_edge(columns, left, -1),
        _is_distinct_edge(columns, right - 1, 1),
    )
    return sum(sides) >= MIN_FILLED_SIDES


def _is_text(grey: NDArray[np.uint8], box: Box) -> bool:
    """Return True if the surrounding colour shows inside a rectangle, as between close lines of text."""
    left, top, right, bottom = box.rounded_edges
    horizontal_strips = (grey[max(0, top - 3) : top, left:right], grey[bottom : bottom + 3, left:right])
    vertical_strips = (grey[top:bottom, max(0, left - 3) : left], grey[top:bottom, right : right + 3])
    surrounding_levels = np.concatenate([strip.ravel() for strip in (*horizontal_strips, *vertical_strips)])
    if not len(surrounding_levels):
        return False
    differences = np.abs(grey[top:bottom, left:right].astype(np.int16) - int(np.median(surrounding_levels)))
    return bool((differences <= MIN_BACKGROUND_DIFFERENCE).mean() >= MIN_BACKGROUND_FRACTION)


def _is_distinct_edge(lines: NDArray[np.int16], edge: int, outward: int) -> bool:
    """Return True if the lines inside and outside an edge differ along most of it, or at the picture's own edge."""
    outside_line, inside_line = edge + 3 * outward, edge - 2 * outward
    if not 0 <= outside_line < len(lines):
        return True
    return bool(
        (np.abs(lines[inside_line] - lines[outside_line]) >= MIN_BACKGROUND_DIFFERENCE).mean() >= MIN_FILLED_FRACTION
    )


def _find_background(grey: NDArray[np.uint8]) -> int | None:
    """Return the grey level of a page's background; ``None`` if nothing is even and large enough."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    background = int(np.convolve(counts, (1, 2, 1), mode="same").argmax())
    differences = np.abs(grey.astype(np.int16) - background)
    is_even = differences <= BACKGROUND_LEVELS
    if is_even.mean() >= MIN_BACKGROUND_AREA:
        is_even &= compute_deviation(grey) < MAX_DEVIATION
    if (
        is_even.mean() < MIN_BACKGROUND_AREA
        or (differences[is_even] <= EXACT_COLOUR_DISTANCE).mean() < MIN_EXACT_COLOUR_FRACTION
    ):
        return None
    return background


def _count_text_lines(grey: NDArray[np.uint8], boxes: list[Box], background: int) -> int:
    """Count the lines of text on the background outside the pictures."""
    strokes = (np.abs(grey.astype(np.int16) - background) >= MIN_STROKE_DIFFERENCE).astype(np.uint8)
    for box in boxes:
        strokes[round(box.top) : round(box.bottom), round(box.left) : round(box.right)] = 0
    joined_strokes = cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, np.ones((1, 11), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(joined_strokes, connectivity=8)
    widths, heights, area = parts[1:, 2], parts[1:, 3], parts[1:, 4]
    has_text_height = (heights >= LINE_HEIGHT[0]) & (heights <= LINE_HEIGHT[1])
    return int((has_text_height & (widths >= LINE_RATIO * heights) & (area >= 0.5 * widths * heights)).sum())
