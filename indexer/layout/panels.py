"""Panels of a page or collage, which single-colour gutters separate, and the content inside borders.

The recursive X-Y cut of Nagy and Seth, "Hierarchical representation of optically scanned documents" (1984), on a small
grey picture: a region is trimmed of its constant borders and cut along its widest constant rows or columns, until none
is left. Lines of text become regions too; they are too low to be kept.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.layout.scaling import shrink_to
from indexer.layout.single_thread import cv2

PANEL_SIDES = (256, 320, 512)
"""Long side, in pixels, of the picture that is cut; the cut into most panels is used. In a reduced picture, a badly
saved gutter has one colour; a thin one, as in a sheet of nine, is visible only at a larger size."""
GUTTER_SPREAD = 12
"""Range of grey levels in a gutter, which tolerates JPEG ringing."""
GUTTER = 2
"""Minimum width of a gutter between two regions, in pixels of that picture."""
DEPTH = 5
MIN_PANEL_SIDE, MIN_PANEL_AREA, MAX_PANEL_AREA = 0.1, 0.015, 0.9
"""Limits as shares of the picture's long side and area."""
MIN_PIXELS = 48
"""Minimum shorter side of a panel in original pixels."""
MIN_SHADES = 24
"""Distance in grey levels from the median that a tenth of a panel's pixels must have; otherwise it shows next to
nothing."""
MAX_PANELS = 9

Region = tuple[int, int, int, int]
"""Top, bottom, left, right."""
Further = Callable[[Region, int], list[Region]]
BORDER_SPREAD = 14
"""Range of grey levels in a line of a border, which tolerates JPEG ringing."""
BORDER_STEP = 10
"""Maximum difference in grey levels between a line's median and that of the outermost line."""
NESTED = 3
MIN_SHARE = 0.25
SHARES = np.array([0.02, 0.5, 0.98])


def find_panels(grey: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box, ...]:
    """Return the largest pictures within a grey picture, largest first; empty for an ordinary photograph.

    Boxes are in pixels of the original, whose width and height are ``size``.
    """
    return max((_panels_at(side, grey, size) for side in PANEL_SIDES), key=len)


def _panels_at(side: int, grey: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box, ...]:
    small = shrink_to(grey, side, cv2.INTER_AREA if 2 * side <= max(grey.shape) else cv2.INTER_LINEAR)
    height, width = small.shape
    whole = (0, height, 0, width)
    if not (find_gutters(small, whole, 0).any() or find_gutters(small, whole, 1).any()):
        return ()
    min_side = MIN_PIXELS * max(height, width) / max(size)
    regions = [panel for panel in cut_regions(small, whole, DEPTH) if _is_picture(small, panel, min_side)]
    regions.sort(key=lambda panel: (-compute_area(panel), panel))
    boxes = (Box(left, top, right, bottom) for top, bottom, left, right in regions[:MAX_PANELS])
    return tuple(box.scaled(size[0] / width, size[1] / height) for box in boxes)


def cut_regions(
    grey: NDArray[np.uint8], region: Region, depth: int, further: Further = lambda part, _: [part]
) -> list[Region]:
    """Cut a region along gutters; ``further`` processes regions without gutters, with the remaining depth."""
    region = trim(grey, region)
    free = {axis: _find_gaps(find_gutters(grey, region, axis)) for axis in (0, 1)}
    widest = {axis: max((end - start for start, end in gaps), default=0) for axis, gaps in free.items()}
    axis = 0 if widest[0] >= widest[1] else 1
    if not depth or widest[axis] < GUTTER:
        return further(region, depth)
    return [
        part
        for piece in _split_region(region, axis, free[axis])
        for part in cut_regions(grey, piece, depth - 1, further)
    ]


def find_gutters(grey: NDArray[np.uint8], region: Region, axis: int) -> NDArray[np.bool_]:
    """Return which rows (axis 0) or columns (axis 1) of a region have one colour."""
    top, bottom, left, right = region
    inside = grey[top:bottom, left:right]
    if not inside.size:
        return np.zeros(0, np.bool_)
    return np.asarray(np.ptp(inside, axis=1 - axis) <= GUTTER_SPREAD)


def trim(grey: NDArray[np.uint8], region: Region) -> Region:
    """Remove constant rows and columns at the sides of a region; empty if nothing else is in it."""
    top, bottom, left, right = region
    for axis in (0, 1):
        content_lines = np.flatnonzero(~find_gutters(grey, (top, bottom, left, right), axis))
        if not len(content_lines):
            return top, top, left, left
        first, last = int(content_lines[0]), int(content_lines[-1]) + 1
        if axis == 0:
            top, bottom = top + first, top + last
        else:
            left, right = left + first, left + last
    return top, bottom, left, right


def _find_gaps(constant: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return runs of constant lines, each from its first line to the one after its last."""
    if not constant.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], constant, [False]]).astype(np.int8)))
    runs = [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
    return [(start, end) for start, end in runs if end - start >= GUTTER]


def _split_region(region: Region, axis: int, free: list[tuple[int, int]]) -> list[Region]:
    """Return the regions between the gaps."""
    top, bottom, left, right = region
    start, end = (top, bottom) if axis == 0 else (left, right)
    edges = [0, *(edge for gap in free for edge in gap), end - start]
    parts = [(start + begin, start + end) for begin, end in list(pairwise(edges))[::2] if end > begin]
    return [(begin, end, left, right) if axis == 0 else (top, bottom, begin, end) for begin, end in parts]


def _is_picture(grey: NDArray[np.uint8], region: Region, min_side: float) -> bool:
    top, bottom, left, right = region
    share = compute_area(region) / grey.size
    if min(bottom - top, right - left) < max(min_side, MIN_PANEL_SIDE * max(grey.shape)):
        return False
    if not MIN_PANEL_AREA <= share <= MAX_PANEL_AREA:
        return False
    return has_content(grey, region, MIN_SHADES)


def has_content(grey: NDArray[np.uint8], region: Region, shades: int) -> bool:
    """Return True if a tenth of a region's pixels differ from its median by ``shades`` grey levels."""
    top, bottom, left, right = region
    inside = grey[top:bottom, left:right]
    if not inside.size:
        return False
    counts = cv2.calcHist([inside], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    middle = np.searchsorted(counts.cumsum(), [(inside.size - 1) // 2, inside.size // 2], side="right").mean()
    return bool(counts[np.abs(np.arange(256) - middle) >= shades].sum() / inside.size >= 0.1)


def compute_area(region: Region) -> int:
    """Return the number of pixels of a region."""
    top, bottom, left, right = region
    return (bottom - top) * (right - left)


def find_content_box(grey: NDArray[np.uint8]) -> Box | None:
    """Return the rectangle inside up to three nested constant borders, in pixels of ``grey``.

    ``None`` if there is no border, or hardly anything inside it.
    """
    height, width = grey.shape
    top, bottom, left, right = 0, height, 0, width
    for _ in range(NESTED):
        inside = grey[top:bottom, left:right]
        rows, columns = _constant_ends(inside), _constant_ends(inside.T)
        if rows == (0, 0) and columns == (0, 0):
            break
        top, bottom, left, right = top + rows[0], bottom - rows[1], left + columns[0], right - columns[1]
        if bottom - top < MIN_SHARE * height or right - left < MIN_SHARE * width:
            return None
    edges = (left, top, right, bottom)
    return None if edges == (0, 0, width, height) else Box(*map(float, edges))


def _constant_ends(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """Return how many lines at the start and at the end are constant and alike."""
    return (0, 0) if min(grey.shape) < 2 else (_count_constant_lines(grey), _count_constant_lines(grey[::-1]))


def _count_constant_lines(lines: NDArray[np.uint8]) -> int:
    """Return how many of the first lines are constant and like the very first, up to the first that is not."""
    first: float | None = None
    for number, line in enumerate(lines):
        low, middle, high = _percentiles(line)
        first = middle if first is None else first
        if high - low > BORDER_SPREAD or abs(middle - first) > BORDER_STEP:
            return number
    return len(lines)


def _percentiles(line: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the 2nd, 50th and 98th percentile of bytes, interpolated like NumPy, in a third of its time."""
    ordered = np.sort(line).astype(np.float64)
    below, share = np.divmod(SHARES * (len(line) - 1), 1)
    lower = below.astype(np.intp)
    upper = np.minimum(lower + 1, len(line) - 1)
    return np.asarray(ordered[lower] + (ordered[upper] - ordered[lower]) * share)
