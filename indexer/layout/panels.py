"""Panels of a page or collage, which single-colour gutters separate, and the content inside borders.

The recursive X-Y cut of Nagy and Seth, "Hierarchical representation of optically scanned documents" (1984), on a small
grey picture: a region is trimmed of its constant borders and cut along its widest constant rows or columns, until no
such rows or columns are left. Lines of text become regions too, but are discarded because of their height.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.layout.scaling import shrink_to
from indexer.layout.single_thread import cv2

PANEL_SIDES = (256, 320, 512)
"""Long sides, in pixels, at which the picture is cut; the size with the most panels is used. At a small size, a gutter
with compression noise has one colour; a thin gutter, as in a sheet of nine, is visible only at a larger size."""
GUTTER_SPREAD = 12
"""Range of grey levels in a gutter, which tolerates JPEG ringing."""
MIN_GUTTER_WIDTH = 2
"""Minimum width of a gutter between two regions, in pixels of the reduced picture."""
MAX_DEPTH = 5
MIN_PANEL_SIDE, MIN_PANEL_AREA, MAX_PANEL_AREA = 0.1, 0.015, 0.9
"""Limits as fractions of the picture's long side and area."""
MIN_PIXELS = 48
"""Minimum shorter side of a panel in original pixels."""
MIN_SHADES = 24
"""Minimum distance in grey levels from the median of a tenth of a panel's pixels; a panel with less is nearly empty."""
MAX_PANELS = 9

Region = tuple[int, int, int, int]
"""Top, bottom, left and right edges in pixels."""
RegionCutter = Callable[[Region, int], list[Region]]
BORDER_SPREAD = 14
"""Range of grey levels in a line of a border, which tolerates JPEG ringing."""
BORDER_STEP = 10
"""Maximum difference in grey levels between a line's median and that of the outermost line."""
MAX_NESTED_BORDERS = 3
MIN_CONTENT_FRACTION = 0.25
PERCENTILE_FRACTIONS = np.array([0.02, 0.5, 0.98])


def find_panels(grey: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box, ...]:
    """Find the largest pictures within a grey picture, largest first; none in an ordinary photograph.

    Boxes are in pixels of the original, whose width and height are ``size``.
    """
    return max((_find_panels_at_side(side, grey, size) for side in PANEL_SIDES), key=len)


def _find_panels_at_side(side: int, grey: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box, ...]:
    small = shrink_to(grey, side, cv2.INTER_AREA if 2 * side <= max(grey.shape) else cv2.INTER_LINEAR)
    height, width = small.shape
    whole_region = (0, height, 0, width)
    if not (find_gutters(small, whole_region, 0).any() or find_gutters(small, whole_region, 1).any()):
        return ()
    min_side = MIN_PIXELS * max(height, width) / max(size)
    regions = [panel for panel in cut_regions(small, whole_region, MAX_DEPTH) if _is_picture(small, panel, min_side)]
    regions.sort(key=lambda panel: (-compute_area(panel), panel))
    boxes = (Box(left, top, right, bottom) for top, bottom, left, right in regions[:MAX_PANELS])
    return tuple(box.scale_by(size[0] / width, size[1] / height) for box in boxes)


def cut_regions(
    grey: NDArray[np.uint8], region: Region, depth: int, cut_further: RegionCutter = lambda part, _: [part]
) -> list[Region]:
    """Cut a region along gutters; ``cut_further`` receives regions without gutters, and the remaining depth."""
    region = trim_region(grey, region)
    gaps_by_axis = {axis: _find_gaps(find_gutters(grey, region, axis)) for axis in (0, 1)}
    widest_gaps = {axis: max((end - start for start, end in gaps), default=0) for axis, gaps in gaps_by_axis.items()}
    axis = 0 if widest_gaps[0] >= widest_gaps[1] else 1
    if not depth or widest_gaps[axis] < MIN_GUTTER_WIDTH:
        return cut_further(region, depth)
    return [
        part
        for piece in _split_region(region, axis, gaps_by_axis[axis])
        for part in cut_regions(grey, piece, depth - 1, cut_further)
    ]


def find_gutters(grey: NDArray[np.uint8], region: Region, axis: int) -> NDArray[np.bool_]:
    """Return a mask of the rows (axis 0) or columns (axis 1) of a region that have a single colour."""
    top, bottom, left, right = region
    region_levels = grey[top:bottom, left:right]
    if not region_levels.size:
        return np.zeros(0, np.bool_)
    return np.asarray(np.ptp(region_levels, axis=1 - axis) <= GUTTER_SPREAD)


def trim_region(grey: NDArray[np.uint8], region: Region) -> Region:
    """Remove constant rows and columns at the sides of a region; the result is empty if nothing is left."""
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
    return [(start, end) for start, end in runs if end - start >= MIN_GUTTER_WIDTH]


def _split_region(region: Region, axis: int, gaps: list[tuple[int, int]]) -> list[Region]:
    """Return the regions between the gaps."""
    top, bottom, left, right = region
    start, end = (top, bottom) if axis == 0 else (left, right)
    edges = [0, *(edge for gap in gaps for edge in gap), end - start]
    parts = [(start + begin, start + end) for begin, end in list(pairwise(edges))[::2] if end > begin]
    return [(begin, end, left, right) if axis == 0 else (top, bottom, begin, end) for begin, end in parts]


def _is_picture(grey: NDArray[np.uint8], region: Region, min_side: float) -> bool:
    top, bottom, left, right = region
    area_fraction = compute_area(region) / grey.size
    if min(bottom - top, right - left) < max(min_side, MIN_PANEL_SIDE * max(grey.shape)):
        return False
    if not MIN_PANEL_AREA <= area_fraction <= MAX_PANEL_AREA:
        return False
    return has_content(grey, region, MIN_SHADES)


def has_content(grey: NDArray[np.uint8], region: Region, shades: int) -> bool:
    """Return True if a tenth of a region's pixels differ from its median by ``shades`` grey levels."""
    top, bottom, left, right = region
    region_levels = grey[top:bottom, left:right]
    if not region_levels.size:
        return False
    counts = cv2.calcHist([region_levels], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    median = np.searchsorted(
        counts.cumsum(), [(region_levels.size - 1) // 2, region_levels.size // 2], side="right"
    ).mean()
    return bool(counts[np.abs(np.arange(256) - median) >= shades].sum() / region_levels.size >= 0.1)


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
    for _ in range(MAX_NESTED_BORDERS):
        inside = grey[top:bottom, left:right]
        rows, columns = _count_constant_ends(inside), _count_constant_ends(inside.T)
        if rows == (0, 0) and columns == (0, 0):
            break
        top, bottom, left, right = top + rows[0], bottom - rows[1], left + columns[0], right - columns[1]
        if bottom - top < MIN_CONTENT_FRACTION * height or right - left < MIN_CONTENT_FRACTION * width:
            return None
    edges = (left, top, right, bottom)
    return None if edges == (0, 0, width, height) else Box(*map(float, edges))


def _count_constant_ends(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """Count the lines at the start and at the end that are constant and similar to each other."""
    return (0, 0) if min(grey.shape) < 2 else (_count_constant_lines(grey), _count_constant_lines(grey[::-1]))


def _count_constant_lines(lines: NDArray[np.uint8]) -> int:
    """Count the leading lines that are constant and similar to the first line."""
    first: float | None = None
    for number, line in enumerate(lines):
        low, median, high = _compute_percentiles(line)
        first = median if first is None else first
        if high - low > BORDER_SPREAD or abs(median - first) > BORDER_STEP:
            return number
    return len(lines)


def _compute_percentiles(line: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compute the 2nd, 50th and 98th percentile of bytes, interpolated as in NumPy, in a third of its time."""
    sorted_levels = np.sort(line).astype(np.float64)
    lower_index, interpolation_weight = np.divmod(PERCENTILE_FRACTIONS * (len(line) - 1), 1)
    lower = lower_index.astype(np.intp)
    upper = np.minimum(lower + 1, len(line) - 1)
    return np.asarray(sorted_levels[lower] + (sorted_levels[upper] - sorted_levels[lower]) * interpolation_weight)
