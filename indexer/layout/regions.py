"""All pictures within a picture, however small: on a page, in a sheet of dozens, on a wall of tiles, nested.

A picture is cut along gutters as in ``layout.panels`` and, without gutters, along rows or columns at which the levels
step from one side to the other, as between tiles without gaps. In the remaining regions, rectangles placed on top are
searched for (``layout.insets``), and in those again.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.layout.insets import ROWS_APART, Steps, find_rectangles
from indexer.layout.orientation import Box
from indexer.layout.panels import Region, compute_area, cut_regions, has_content
from indexer.layout.single_thread import cv2

MIN_SIDE = 56
"""Minimum shorter side of a region in original pixels: smaller ones are hardly recognisable."""
MIN_GREY_SIDE, MIN_SHARE = 12, 0.05
"""The same in the grey picture, and as a share of its long side."""
MIN_WHOLE = 256
"""Minimum long side, in original pixels, of a picture that is searched for regions; thumbnails are not."""
MAX_SEPARATE, MAX_STEP_REGION = 0.6, 0.55
"""Maximum shares of the picture for regions between gutters and between steps: its own features cover larger ones."""
MIN_INNER_SIDE = 0.1
"""Minimum shorter side of a picture placed on a region, as a share of the region's long side."""
SHADES = 10
"""Distance in grey levels from the median that a tenth of a region's pixels must have, low enough for dark pictures."""
DEPTH = 6
ACROSS = 0.6
"""Share of a row that steps, from which a picture without gutters is cut there."""
CLEAR, RECTANGLES_PER_REGION = 0.9, 4
"""Arguments for :func:`insets.find_rectangles`: minimum clearness of the sides, and rectangles per region."""
BESIDE, MIN_STEEPNESS, MAX_STEEPNESS = 5, 3.0, 9.0
"""Ratio of the steps at the sides of a region to those up to five rows before and after, in the mean over its sides,
of which none counts as more than nine: in photographs, most edges extend over several pixels. Of 360 photographs
in three sizes, 105 had 409 regions without these limits, and 64 have 274; each region costs a run of the network.
Of 46 pictures in which nothing else finds a work that they show, each keeps a region that finds it."""
MAX_REGIONS = 96


def find_regions(grey: NDArray[np.uint8], size: tuple[int, int]) -> tuple[Box, ...]:
    """Return the pictures within a grey picture, largest first; few or none for a photograph, none for a thumbnail.

    Boxes are in pixels of the original, whose width and height are ``size``.
    """
    if max(size) < MIN_WHOLE:
        return ()
    height, width = grey.shape
    min_side = max(MIN_GREY_SIDE, round(MIN_SIDE * max(grey.shape) / max(size)), round(MIN_SHARE * max(grey.shape)))
    steps = Steps.from_picture(grey)

    def cut_along_steps(region: Region, depth: int) -> list[Region]:
        """Return a region between gutters, and its parts along steps: a wall of tiles may be one photograph."""
        top, bottom, left, right = region
        if min(bottom - top, right - left) < min_side:
            return []
        shares = (
            _compute_step_shares(steps.rows[top:bottom, left:right], 0),
            _compute_step_shares(steps.columns[top:bottom, left:right], 1),
        )
        axis = 0 if shares[0].max() >= shares[1].max() else 1
        places = _find_step_rows(shares[axis], min_side) if depth else []
        if not places:
            return [region]
        begin, end = (top, bottom) if axis == 0 else (left, right)
        parts = pairwise([begin, *(begin + place for place in places), end])
        within = [(start, stop, left, right) if axis == 0 else (top, bottom, start, stop) for start, stop in parts]
        return [region, *(part for piece in within for part in cut_regions(grey, piece, depth - 1, cut_along_steps))]

    gutter_regions: set[Region] = set()

    def record_region(region: Region, depth: int) -> list[Region]:
        gutter_regions.add(region)
        return cut_along_steps(region, depth)

    queue = cut_regions(grey, (0, height, 0, width), DEPTH, record_region)
    candidates = dict.fromkeys(queue)
    while queue and len(candidates) < MAX_REGIONS:
        outer = queue.pop(0)
        long, short = sorted((outer[1] - outer[0], outer[3] - outer[2]), reverse=True)
        if short < 2 * min_side:  # pictures placed on it would cover most of it
            continue
        smallest = max(min_side, round(MIN_INNER_SIDE * long))
        for region in find_rectangles(steps, outer, smallest, CLEAR, RECTANGLES_PER_REGION):
            candidates[region] = None
            top, bottom, left, right = region
            queue.append((top + ROWS_APART, bottom - ROWS_APART, left + ROWS_APART, right - ROWS_APART))
    pictures = [region for region in candidates if _is_picture(grey, region, separate=region in gutter_regions)]
    pictures.sort(key=lambda region: (-compute_area(region), region))
    boxes = (Box(left, top, right, bottom) for top, bottom, left, right in pictures)
    return tuple(box.scaled(size[0] / width, size[1] / height) for box in boxes)


def _is_picture(grey: NDArray[np.uint8], region: Region, *, separate: bool) -> bool:
    """Return True if a region, which gutters separate or steps delimit, is worth a search of its own."""
    if compute_area(region) >= (MAX_SEPARATE if separate else MAX_STEP_REGION) * grey.size:
        return False
    return has_content(grey, region, SHADES) and (separate or _compute_steepness(grey, region) >= MIN_STEEPNESS)


def _compute_step_shares(steps: NDArray[np.uint8], axis: int) -> NDArray[np.float64]:
    """Return the share of each row (axis 0) or column (axis 1) that steps."""
    sums = cv2.reduce(steps, 1 - axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    return np.asarray(sums.reshape(-1) / steps.shape[1 - axis])


def _compute_steepness(grey: NDArray[np.uint8], region: Region) -> float:
    """Return the mean ratio of steps at a region's sides to those beside them; highest at the picture's edge."""
    top, bottom, left, right = region
    rows, columns = grey[:, left:right], grey[top:bottom].T
    sides = (rows, top), (rows, bottom), (columns, left), (columns, right)
    return float(np.mean([_measure_step(lines, place) for lines, place in sides]))


def _measure_step(lines: NDArray[np.uint8], place: int) -> float:
    if not BESIDE < place < len(lines) - BESIDE:
        return MAX_STEEPNESS
    near = np.ascontiguousarray(lines[place - BESIDE - 1 : place + BESIDE])
    steps = cv2.absdiff(near[1:], near[:-1]).mean(axis=1)
    at = BESIDE - 2 + int(steps[BESIDE - 2 : BESIDE + 3].argmax())
    beside = np.concatenate([steps[: at - 1], steps[at + 2 :]]).mean()
    return min(MAX_STEEPNESS, float(steps[at] / max(beside, 0.5)))


def _find_step_rows(shares: NDArray[np.float64], min_distance: int) -> list[int]:
    """Return the rows that mostly step, at least ``min_distance`` rows from each other and both ends; ascending."""
    rows: list[int] = []
    for place in np.argsort(-shares, kind="stable").tolist():
        if shares[place] < ACROSS:
            break
        if all(abs(place - other) >= min_distance for other in (0, len(shares), *rows)):
            rows.append(place)
    return sorted(rows)
