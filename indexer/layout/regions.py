"""Detection of all pictures within a picture, including small ones: on a page, in a sheet of dozens, in tiles, nested.

A picture is cut along gutters as in ``layout.panels`` and, without gutters, along rows or columns at which the levels
step along most of their length, as between tiles without gaps. In the remaining regions, rectangles placed on top are
searched for (``layout.insets``), and the same is repeated in those. Finally, each region is cut in the same way at a
higher resolution: a page may lie on another page, and its own pictures may be small.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.layout.insets import ROW_DISTANCE, Steps, find_rectangles
from indexer.layout.orientation import Box
from indexer.layout.panels import Region, compute_area, cut_regions, has_content
from indexer.layout.scaling import shrink_to
from indexer.layout.single_thread import cv2

MIN_SIDE = 56
"""Minimum shorter side of a region in original pixels: smaller pictures are hardly recognisable."""
MIN_GREY_SIDE, MIN_SIDE_FRACTION = 12, 0.05
"""Minimum shorter side of a region in the grey picture in pixels, and as a fraction of its long side."""
MIN_WHOLE_SIDE = 256
"""Minimum long side, in original pixels, of a picture that is searched for regions; thumbnails are not."""
MAX_SEPARATE_REGION, MAX_STEP_REGION = 0.6, 0.55
"""Maximum fractions of the picture for regions between gutters and between steps. The picture's own features represent
larger regions."""
MIN_INNER_SIDE = 0.1
"""Minimum shorter side of a picture placed on a region, as a fraction of the region's long side."""
MIN_SHADES = 10
"""Minimum distance in grey levels from the median of a tenth of a region's pixels; low enough for dark pictures."""
MAX_DEPTH = 6
MIN_STEP_FRACTION = 0.6
"""Minimum fraction of steps in a row at which a picture without gutters is cut."""
MIN_CLEARNESS, RECTANGLES_PER_REGION = 0.9, 4
"""Arguments for :func:`insets.find_rectangles`: minimum clearness of the sides, and rectangles per region."""
NEIGHBOUR_ROWS, MIN_STEEPNESS, MAX_STEEPNESS = 5, 3.0, 9.0
"""Number of rows before and after a side, and minimum and maximum ratio of the step at the side to the steps in these
rows.

The minimum applies to the mean over the sides of a region, and each side is clipped to the maximum. In photographs,
most edges extend over several pixels. Of 360 photographs in three sizes, 105 had 409 regions without these limits, and
64 have 274 with them; each region costs a run of the model. Of 46 pictures whose works are found by regions only, each
still has a region that finds its work."""
MAX_REGIONS = 96
NESTED_SIDES = (1024, 512)
"""Long sides, in pixels, to which the picture and its regions are reduced before they are cut again."""
MIN_NESTED_SIDE, MAX_NESTED_DEPTH = 300, 3
"""Minimum long side, in original pixels, of a region that is cut again, and maximum depth."""
SAME_REGION_OVERLAP = 0.7
"""Intersection over union from which a region found at a higher resolution is already known."""


def find_regions(grey: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box, ...]:
    """Find the pictures within a grey picture, largest first; few or none in a photograph, none in a thumbnail.

    Boxes are in pixels of the original, whose width and height are ``size``.
    """
    if max(size) < MIN_WHOLE_SIDE:
        return ()
    height, width = grey.shape
    min_side = max(
        MIN_GREY_SIDE, round(MIN_SIDE * max(grey.shape) / max(size)), round(MIN_SIDE_FRACTION * max(grey.shape))
    )
    steps = Steps.from_picture(grey)

    def cut_along_steps(region: Region, depth: int) -> list[Region]:
        """Return a region between gutters, and its parts along steps: a wall of tiles may be one photograph."""
        top, bottom, left, right = region
        if min(bottom - top, right - left) < min_side:
            return []
        fractions = (
            _compute_step_fractions(steps.rows[top:bottom, left:right], 0),
            _compute_step_fractions(steps.columns[top:bottom, left:right], 1),
        )
        axis = 0 if fractions[0].max() >= fractions[1].max() else 1
        positions = _find_step_rows(fractions[axis], min_side) if depth else []
        if not positions:
            return [region]
        begin, end = (top, bottom) if axis == 0 else (left, right)
        parts = pairwise([begin, *(begin + position for position in positions), end])
        sections = [(start, stop, left, right) if axis == 0 else (top, bottom, start, stop) for start, stop in parts]
        return [region, *(part for piece in sections for part in cut_regions(grey, piece, depth - 1, cut_along_steps))]

    gutter_regions: set[Region] = set()

    def record_region(region: Region, depth: int) -> list[Region]:
        gutter_regions.add(region)
        return cut_along_steps(region, depth)

    queue = cut_regions(grey, (0, height, 0, width), MAX_DEPTH, record_region)
    candidates = dict.fromkeys(queue)
    while queue and len(candidates) < MAX_REGIONS:
        outer = queue.pop(0)
        long_side, short_side = sorted((outer[1] - outer[0], outer[3] - outer[2]), reverse=True)
        if short_side < 2 * min_side:  # insets would cover most of the region
            continue
        smallest = max(min_side, round(MIN_INNER_SIDE * long_side))
        for region in find_rectangles(steps, outer, smallest, MIN_CLEARNESS, RECTANGLES_PER_REGION):
            candidates[region] = None
            top, bottom, left, right = region
            queue.append((top + ROW_DISTANCE, bottom - ROW_DISTANCE, left + ROW_DISTANCE, right - ROW_DISTANCE))
    pictures = [region for region in candidates if _is_picture(grey, region, is_separate=region in gutter_regions)]
    pictures.sort(key=lambda region: (-compute_area(region), region))
    boxes = (Box(left, top, right, bottom) for top, bottom, left, right in pictures)
    return tuple(box.scale_by(size[0] / width, size[1] / height) for box in boxes)


def find_nested_regions(
    grey: NDArray[np.uint8], size: tuple[int, int], regions: Sequence[Box], max_count: int = MAX_REGIONS
) -> tuple[Box, ...]:
    """Add the pictures that :func:`find_regions` detects at a higher resolution, and in its regions, recursively.

    Args:
        grey: The picture at a high resolution, shape (h, w).
        size: Width and height of the original, in whose pixels the boxes are.
        regions: The regions found at a low resolution.
        max_count: Maximum number of regions.

    Returns:
        The regions, followed by those that are new; unchanged if there are none, as for a photograph.
    """
    across, down = size[0] / grey.shape[1], size[1] / grey.shape[0]
    found_boxes = list(regions)
    queue = [(Box(0, 0, *size), 0), *((box, 1) for box in regions)] if regions else []
    while queue and len(found_boxes) < max_count:
        outer_box, depth = queue.pop(0)
        if max(outer_box.width, outer_box.height) < MIN_NESTED_SIDE or depth > MAX_NESTED_DEPTH:
            continue
        left, top, right, bottom = outer_box.scale_by(1 / across, 1 / down).rounded_edges
        part = shrink_to(np.ascontiguousarray(grey[top:bottom, left:right]), NESTED_SIDES[min(depth, 1)])
        if not part.size:
            continue
        for box in find_regions(part, (round((right - left) * across), round((bottom - top) * down))):
            x, y = left * across, top * down
            inner_box = Box(box.left + x, box.top + y, box.right + x, box.bottom + y)
            if all(inner_box.compute_intersection_over_union(known) < SAME_REGION_OVERLAP for known in found_boxes):
                found_boxes.append(inner_box)
                queue.append((inner_box, depth + 1))
    return tuple(found_boxes[:max_count])


def _is_picture(grey: NDArray[np.uint8], region: Region, *, is_separate: bool) -> bool:
    """Return True if a region, separated by gutters or delimited by steps, should be searched for as a picture."""
    if compute_area(region) >= (MAX_SEPARATE_REGION if is_separate else MAX_STEP_REGION) * grey.size:
        return False
    return has_content(grey, region, MIN_SHADES) and (is_separate or _compute_steepness(grey, region) >= MIN_STEEPNESS)


def _compute_step_fractions(steps: NDArray[np.uint8], axis: int) -> NDArray[np.float64]:
    """Compute the fraction of steps in each row (axis 0) or column (axis 1)."""
    sums = cv2.reduce(steps, 1 - axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    return np.asarray(sums.reshape(-1) / steps.shape[1 - axis])


def _compute_steepness(grey: NDArray[np.uint8], region: Region) -> float:
    """Compute the mean ratio of the steps at a region's sides to those beside them.

    Sides at the picture's edge count as the maximum.
    """
    top, bottom, left, right = region
    rows, columns = grey[:, left:right], grey[top:bottom].T
    sides = (rows, top), (rows, bottom), (columns, left), (columns, right)
    return float(np.mean([_measure_step(lines, position) for lines, position in sides]))


def _measure_step(lines: NDArray[np.uint8], position: int) -> float:
    if not NEIGHBOUR_ROWS < position < len(lines) - NEIGHBOUR_ROWS:
        return MAX_STEEPNESS
    nearby_lines = np.ascontiguousarray(lines[position - NEIGHBOUR_ROWS - 1 : position + NEIGHBOUR_ROWS])
    steps = cv2.absdiff(nearby_lines[1:], nearby_lines[:-1]).mean(axis=1)
    step_index = NEIGHBOUR_ROWS - 2 + int(steps[NEIGHBOUR_ROWS - 2 : NEIGHBOUR_ROWS + 3].argmax())
    mean_step_beside = np.concatenate([steps[: step_index - 1], steps[step_index + 2 :]]).mean()
    return min(MAX_STEEPNESS, float(steps[step_index] / max(mean_step_beside, 0.5)))


def _find_step_rows(fractions: NDArray[np.float64], min_distance: int) -> list[int]:
    """Find the rows with steps along most of their length, in ascending order.

    They are at least ``min_distance`` rows from each other and from both ends.
    """
    rows: list[int] = []
    for position in np.argsort(-fractions, kind="stable").tolist():
        if fractions[position] < MIN_STEP_FRACTION:
            break
        if all(abs(position - other) >= min_distance for other in (0, len(fractions), *rows)):
            rows.append(position)
    return sorted(rows)
