"""Marks that an owner's works share, such as a watermark, a logo or a strip with a name.

An unrelated picture with the same mark matches a work in the area of the mark. Areas in which several otherwise
different works match therefore do not show which work a picture contains, and are not sufficient for a match.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.compare.dense import compare_windows
from indexer.compare.fit import measure_fit
from indexer.compare.geometry import ORIGINAL_ONLY, align, find_correspondences
from indexer.layout.information import COMPOSITION_REASONS
from indexer.layout.orientation import Box
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features

MIN_OTHER_WORKS = 2
"""Minimum number of other works with the same content in the same place."""
MAX_OTHER_WORKS = 8
"""Maximum number of other works that a work is compared with."""
MIN_COMMON_FRACTION = 1 / 3
"""Fraction of those works in which a window must match; chance matches occur in few."""
MIN_INLIERS = 8
"""Minimum matching keypoints. Among 22 unmarked pictures, no window matched two others with this many keypoints."""
MIN_SAME_WORK_AGREEMENT = 0.75
"""Fraction of matching windows above which two registered pictures count as versions of one work."""
MIN_WINDOWS = 60
"""Minimum adjacent windows that match in other works; fewer occur by chance."""
BLOCK = 4
"""Pixels of the thumbnail to which rectangles are rounded outwards."""
SharedMask = NDArray[np.bool_]
"""Mask of windows of a work's thumbnail that match another work, by their centres."""


def find_shared_windows(work: Features, other: Features) -> SharedMask | None:
    """Find the windows of a work that match another work.

    Returns:
        The mask, or ``None`` if nothing matches or the other work is a version of this one.
    """
    if not (is_comparable(work) and is_comparable(other)):
        return None
    matches = list(find_correspondences(other, work, ORIGINAL_ONLY))
    if not any(len(hypothesis.found_points) >= MIN_INLIERS for hypothesis in matches):
        return None  # no transform has more inliers than matches
    alignment = align(matches, other, work)
    if alignment is None or alignment.inliers < MIN_INLIERS:
        return None
    masks = compare_windows(other, work, measure_fit(other, work, alignment.transform).transform, work.masked_boxes)
    agreeing = int(masks.agreeing_mask.sum())
    if agreeing < MIN_WINDOWS or agreeing >= MIN_SAME_WORK_AGREEMENT * int(masks.textured_mask.sum()):
        return None
    return masks.agreeing_mask


def is_comparable(work: Features) -> bool:
    """Return True if a work has enough content to be matched beyond near-exact copies."""
    return COMPOSITION_REASONS.issuperset(work.low_information)


def locate_marks(shared_masks: Sequence[SharedMask]) -> tuple[Box, ...]:
    """Locate the areas shared with other works, as fractions of width and height.

    ``shared_masks`` are the results of :func:`find_shared_windows` for each of these works.
    """
    if len(shared_masks) < MIN_OTHER_WORKS:
        return ()
    is_common = _remove_small_patches(
        np.sum(shared_masks, axis=0) >= max(MIN_OTHER_WORKS, MIN_COMMON_FRACTION * len(shared_masks))
    )
    height, width = is_common.shape
    across, down = BLOCK / width, BLOCK / height
    boxes = (
        Box(left * across, top * down, right * across, bottom * down)
        for left, top, right, bottom in _find_rectangles(is_common)
    )
    return tuple(Box(box.left, box.top, min(1.0, box.right), min(1.0, box.bottom)) for box in boxes)


def _remove_small_patches(common: SharedMask) -> SharedMask:
    """Remove patches that are small enough to occur by chance."""
    _, patches, figures, _ = cv2.connectedComponentsWithStats(common.astype(np.uint8), connectivity=8)
    is_large = figures[:, cv2.CC_STAT_AREA] >= MIN_WINDOWS
    return np.asarray(common & is_large[patches])


def _find_rectangles(common: SharedMask) -> Iterator[tuple[int, int, int, int]]:
    """Yield rectangles around cells with common windows and the adjacent cells: left, top, right, bottom in cells."""
    height, width = common.shape
    padded = np.pad(common, ((0, -height % BLOCK), (0, -width % BLOCK)))
    cells = padded.reshape(padded.shape[0] // BLOCK, BLOCK, padded.shape[1] // BLOCK, BLOCK).any(axis=(1, 3))
    wider = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8))
    open_runs: dict[tuple[int, int], int] = {}
    for row, line in enumerate(np.pad(wider, ((0, 1), (1, 1)))):
        edges = np.flatnonzero(np.diff(line.astype(np.int8))).reshape(-1, 2)
        runs = {(int(left), int(right)) for left, right in edges}
        for left, right in sorted(open_runs.keys() - runs):
            yield left, open_runs.pop((left, right)), right, row
        open_runs |= dict.fromkeys(sorted(runs - open_runs.keys()), row)
