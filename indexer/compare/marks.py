"""Marks that an owner's works share, such as an agency's watermark, its logo or a strip with its name.

A stranger's picture with the same mark matches a work wherever the mark covers little else. Areas in which several
otherwise different works match therefore do not show which work a picture contains, and are not sufficient for a match.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.compare.dense import windows
from indexer.compare.fit import measure_fit
from indexer.compare.geometry import AS_IS, align, correspondences
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


def shared_windows(work: Features, other: Features) -> Shared | None:
    """Return where a work that is not a version of this one matches it; ``None`` if they share nothing."""
    if not (is_comparable(work) and is_comparable(other)):
        return None
    matches = list(correspondences(other, work, AS_IS))
    if not any(len(one.found) >= MIN_INLIERS for one in matches):
        return None  # no transform has more inliers than matches
    laid = align(matches, other, work)
    if laid is None or laid.inliers < MIN_INLIERS:
        return None
    seen = windows(other, work, measure_fit(other, work, laid.transform).transform, work.masked)
    agreeing = int(seen.agreeing.sum())
    if agreeing < MIN_WINDOWS or agreeing >= SAME_WORK * int(seen.textured.sum()):
        return None
    return seen.agreeing


def is_comparable(work: Features) -> bool:
    """Return True if a work is searched for beyond near-exact copies."""
    return COMPOSED.issuperset(work.low_information)


def marks_of(shared: Sequence[Shared]) -> tuple[Box, ...]:
    """Return the areas shared by other works (:func:`shared_windows` of each), as shares of width and height."""
    if len(shared) < MIN_OTHERS:
        return ()
    common = _large(np.sum(shared, axis=0) >= max(MIN_OTHERS, COMMON * len(shared)))
    height, width = common.shape
    across, down = BLOCK / width, BLOCK / height
    boxes = (
        Box(left * across, top * down, right * across, bottom * down) for left, top, right, bottom in _runs(common)
    )
    return tuple(Box(box.left, box.top, min(1.0, box.right), min(1.0, box.bottom)) for box in boxes)


def _large(common: Shared) -> Shared:
    """Remove patches small enough to be chance."""
    _, patches, figures, _ = cv2.connectedComponentsWithStats(common.astype(np.uint8), connectivity=8)
    enough = figures[:, cv2.CC_STAT_AREA] >= MIN_WINDOWS
    return np.asarray(common & enough[patches])


def _runs(common: Shared) -> Iterator[tuple[int, int, int, int]]:
    """Yield rectangles of cells with such windows and the adjacent cells: left, top, right and bottom in cells."""
    height, width = common.shape
    padded = np.pad(common, ((0, -height % BLOCK), (0, -width % BLOCK)))
    cells = padded.reshape(padded.shape[0] // BLOCK, BLOCK, padded.shape[1] // BLOCK, BLOCK).any(axis=(1, 3))
    wider = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8))
    begun: dict[tuple[int, int], int] = {}
    for row, line in enumerate(np.pad(wider, ((0, 1), (1, 1)))):
        edges = np.flatnonzero(np.diff(line.astype(np.int8))).reshape(-1, 2)
        runs = {(int(left), int(right)) for left, right in edges}
        for left, right in sorted(begun.keys() - runs):
            yield left, begun.pop((left, right)), right, row
        begun |= dict.fromkeys(sorted(runs - begun.keys()), row)
