"""Marks that an owner's works share, such as an agency's watermark, its logo or a strip with its name.

A stranger's picture under the same mark agrees with a work wherever the mark lies on little else. So what several works
that are otherwise unlike agree in says nothing of which work a picture shows: it isn't enough for a match.
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
"""Works beside one that have the same thing in the same place of it."""
MAX_OTHERS = 8
"""Works that one is compared with."""
COMMON = 1 / 3
"""Share of those works in which a window has to agree: what agrees by chance does so with few."""
MIN_INLIERS = 8
"""Keypoints that agree. Among 22 unmarked pictures no window agreed with two others of which as many did."""
SAME_WORK = 0.75
"""Share of windows that agree, from which two registered pictures are taken for versions of one work."""
MIN_WINDOWS = 60
"""Windows side by side in which other works agree; fewer are chance."""
BLOCK = 4
"""Pixels of the thumbnail to which the rectangles are rounded, outwards."""
Shared = NDArray[np.bool_]
"""Windows of a work's thumbnail that agree with another work, by their centres."""


def shared_windows(work: Features, other: Features) -> Shared | None:
    """Where another work, that is no version of this one, agrees with it; ``None`` when they share nothing."""
    if not (is_comparable(work) and is_comparable(other)):
        return None
    matches = list(correspondences(other, work, AS_IS))
    if not any(len(one.found) >= MIN_INLIERS for one in matches):
        return None  # no transform has more inliers than there are matches
    laid = align(matches, other, work)
    if laid is None or laid.inliers < MIN_INLIERS:
        return None
    seen = windows(other, work, measure_fit(other, work, laid.transform).transform, work.masked)
    agreeing = int(seen.agreeing.sum())
    if agreeing < MIN_WINDOWS or agreeing >= SAME_WORK * int(seen.textured.sum()):
        return None
    return seen.agreeing


def is_comparable(work: Features) -> bool:
    """Whether more than near-exact copies of a work are looked for at all."""
    return COMPOSED.issuperset(work.low_information)


def marks_of(shared: Sequence[Shared]) -> tuple[Box, ...]:
    """What other works share with one (:func:`shared_windows` of each), as shares of its width and height."""
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
    """Without the patches that are small enough for chance."""
    _, patches, figures, _ = cv2.connectedComponentsWithStats(common.astype(np.uint8), connectivity=8)
    enough = figures[:, cv2.CC_STAT_AREA] >= MIN_WINDOWS
    return np.asarray(common & enough[patches])


def _runs(common: Shared) -> Iterator[tuple[int, int, int, int]]:
    """The cells that hold such windows, and those beside them, as rectangles: left, top, right and bottom in cells."""
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
