"""Works redrawn, painted over or filled in: the surviving parts of a registered picture when no copy is found.

:mod:`exhibit.comparison.derived` defines survival; here the pictures are aligned by their edges, which survive in a
redrawn work.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from exhibit.comparison.derived import DERIVED, PLAIN, grade, survival
from exhibit.types import Decision, Verification
from indexer.compare.decision import add_transform
from indexer.compare.dense import dense_agreement, warp_to_thumbnail
from indexer.compare.figures import HASH_REACH
from indexer.compare.geometry import CachedMatches, measure_support
from indexer.compare.nearest_hash import find_nearest_hash
from indexer.layout.scaling import size_of
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, grey_scaling

MIN_GRADE, MIN_TELLING = 2, 0.7
"""Minimum grade of a pair without other matches, and minimum share of the work's cells with information: outlines of
objects on white resemble each other."""
MIN_SHOWN, MAX_STRETCH = 0.1, 1.3
"""Minimum share of the work that a picture covers, and maximum change of area by the alignment of edges."""
STEPS = (3, 40, 1e-4)
"""Termination type (OpenCV's), iterations and minimum gain of the alignment by edges."""

Floats = NDArray[np.float64]


def add_survival(found_picture: Features, registered: Features, verification: Verification) -> Verification:
    """Add the map of surviving parts of the registered picture to the measurements of a pair.

    If nothing was found, the pictures are aligned in the way in which most survives, and the decision is ``resembles``
    with
    the reason ``derived`` if that is enough; plain works, which resemble many, are excluded.
    """
    if found_picture.digest == registered.digest:
        return verification
    if verification.decision is not Decision.NONE:
        if verification.transform is None:
            return verification
        warped = warp_to_thumbnail(found_picture, registered, np.array(verification.transform), verification.pieces)
        return replace(verification, survival=survival(*warped, registered.thumbnail))
    if registered.low_information:
        return verification
    options = [
        (_compute_survival(found_picture, registered, transform), transform)
        for transform in _propose_alignments(found_picture, registered, verification)
    ]
    best = max(options, key=_count_surviving)
    refined = _align_by_edges(found_picture, registered, best[1])
    survival_rows, transform = max(
        best, (_compute_survival(found_picture, registered, refined), refined), key=_count_surviving
    )
    signs = "".join(survival_rows)
    if grade(survival_rows) < MIN_GRADE or 1 - signs.count(PLAIN) / len(signs) < MIN_TELLING:
        return verification
    return replace(
        add_transform(verification, transform, found_picture, registered),
        decision=Decision.RESEMBLES,
        inliers=measure_support(CachedMatches(found_picture, registered), registered, transform).inliers,
        dense=round(dense_agreement(found_picture, registered, transform).share, 4),
        reasons=(DERIVED,),
        related=None,
        exposure=None,
        figures={},
        in_place=None,
        drift=None,
        survival=survival_rows,
    )


def _propose_alignments(found_picture: Features, registered: Features, verification: Verification) -> Iterator[Floats]:
    """Yield possible alignments: from keypoints or hashes, or by stretching one to the other, also mirrored."""
    if verification.transform is not None:
        yield np.array(verification.transform)
    nearest = find_nearest_hash(found_picture, registered)
    if nearest.hamming <= HASH_REACH:
        yield nearest.transform
    across, down = registered.info.width / found_picture.info.width, registered.info.height / found_picture.info.height
    whole = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    yield whole
    yield whole @ np.array([[-1.0, 0, found_picture.info.width - 1], [0, 1, 0], [0, 0, 1]])


def _compute_survival(found_picture: Features, registered: Features, transform: Floats) -> tuple[str, ...]:
    warped, mask = warp_to_thumbnail(found_picture, registered, transform)
    return survival(warped, mask, registered.thumbnail) if mask.mean() >= MIN_SHOWN else ()


def _count_surviving(option: tuple[tuple[str, ...], Floats]) -> int:
    return sum(int(sign) for row in option[0] for sign in row if sign.isdecimal())


def _align_by_edges(found_picture: Features, registered: Features, transform: Floats) -> Floats:
    """Refine a transform to maximise the correlation of edges; unchanged if that fails.

    By G. Evangelidis and E. Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization",
    2008.
    """
    warped, mask = warp_to_thumbnail(found_picture, registered, transform)
    inside = cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8))
    step = np.eye(2, 3, dtype=np.float32)
    try:
        edges = _compute_edges(registered.thumbnail), _compute_edges(warped)
        _, step = cv2.findTransformECC(*edges, step, cv2.MOTION_AFFINE, STEPS, inside, 5)
    except cv2.error:
        return transform
    area = float(np.linalg.det(step[:, :2]))
    if not 1 / MAX_STRETCH < area < MAX_STRETCH:
        return transform
    scaling = grey_scaling(registered, size_of(registered.thumbnail))
    back = np.linalg.inv(np.vstack([step, [0, 0, 1]]).astype(np.float64))
    return np.asarray(np.linalg.inv(scaling) @ back @ scaling @ transform, np.float64)


def _compute_edges(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the clearness of an edge at each pixel, 0 to 1, independent of its contrast."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1)
    steep = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.GaussianBlur(steep / (steep + steep.mean() + 1e-3), (0, 0), 2), np.float32)
