"""Marks that an owner's works share, such as an agency's watermark, its logo or a strip with its name.

A stranger's picture with the same mark matches a work wherever the mark covers little else. Areas in which several
otherwise different works match therefore do not show which work a picture contains, and are not sufficient for a match.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.compare.dense import compare_windows
from indexer.compare.fit import measure_fit
from indexer.compare.geometry import AS_IS, align, find_correspondences
from indexer.layout.information import COMPOSED
from indexer.layout.orientation import Box
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features

MIN_OTHERS = 2
"""Minimum number of other works with the same content in the same place."""
MAX_OTHERS = 8
"""Maximum number of works that one is compared with."""
COMMON = 1 / 3
"""Share of those works in which a window must match; chance matches occur in few."""
MIN_INLIERS = 8
"""Minimum matching keypoints. Among 22 unmarked pictures, no window matched two others with this many keypoints."""
SAME_WORK = 0.75
"""Share of matching windows above which two registered pictures count as versions of one work."""
MIN_WINDOWS = 60
"""Minimum adjacent windows that match in other works; fewer occur by chance."""
BLOCK = 4
"""Pixels of the thumbnail to which rectangles are rounded outwards."""
Shared = NDArray[np.bool_]
"""Mask of windows of a work's thumbnail that match another work, by their centres."""


def find_shared_windows(work: Features, other: Features) -> Shared | None:
    """Return where a work that is not a version of this one matches it; ``None`` if they share nothing."""
    if not (is_comparable(work) and is_comparable(other)):
        return None
    matches = list(find_correspondences(other, work, AS_IS))
    if not any(len(hypothesis.found_points) >= MIN_INLIERS for hypothesis in matches):
        return None  # no transform has more inliers than matches
    alignment = align(matches, other, work)
    if alignment is None or alignment.inliers < MIN_INLIERS:
        return None
    masks = compare_windows(other, work, measure_fit(other, work, alignment.transform).transform, work.masked)
    agreeing = int(masks.agreeing.sum())
    if agreeing < MIN_WINDOWS or agreeing >= SAME_WORK * int(masks.textured.sum()):
        return None
    return masks.agreeing


def is_comparable(work: Features) -> bool:
    """Return True if a work is searched for beyond near-exact copies."""
    return COMPOSED.issuperset(work.low_information)


def locate_marks(shared: Sequence[Shared]) -> tuple[Box, ...]:
    """Return the areas shared by other works (:func:`find_shared_windows` of each), as shares of width and height."""
    if len(shared) < MIN_OTHERS:
        return ()
    is_common = _remove_small(np.sum(shared, axis=0) >= max(MIN_OTHERS, COMMON * len(shared)))
    height, width = is_common.shape
    across, down = BLOCK / width, BLOCK / height
    boxes = (
        Box(left * across, top * down, right * across, bottom * down)
        for left, top, right, bottom in _find_rectangles(is_common)
    )
    return tuple(Box(box.left, box.top, min(1.0, box.right), min(1.0, box.bottom)) for box in boxes)


def _remove_small(common: Shared) -> Shared:
    """Remove patches small enough to be chance."""
    _, patches, figures, _ = cv2.connectedComponentsWithStats(common.astype(np.uint8), connectivity=8)
    is_large = figures[:, cv2.CC_STAT_AREA] >= MIN_WINDOWS
    return np.asarray(common & is_large[patches])


def _find_rectangles(common: Shared) -> Iterator[tuple[int, int, int, int]]:
    """Yield rectangles of cells with such windows and the adjacent cells: left, top, right and bottom in cells."""
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
