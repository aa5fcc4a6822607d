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
from indexer.compare.decision import laid
from indexer.compare.dense import dense_agreement, laid_on
from indexer.compare.figures import HASH_REACH
from indexer.compare.geometry import Remembered, support
from indexer.compare.nearest_hash import nearest_hash
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


def graded(found: Features, registered: Features, compared: Verification) -> Verification:
    """Add the map of surviving parts of the registered picture to the measurements of a pair.

    If nothing was found, the pictures are aligned in the way in which most survives, and the decision is ``resembles``
    with
    the reason ``derived`` if that is enough; plain works, which resemble many, are excluded.
    """
    if found.digest == registered.digest:
        return compared
    if compared.decision is not Decision.NONE:
        if compared.transform is None:
            return compared
        shown = laid_on(found, registered, np.array(compared.transform), compared.pieces)
        return replace(compared, survival=survival(*shown, registered.thumbnail))
    if registered.low_information:
        return compared
    ways = [(_survival(found, registered, transform), transform) for transform in _guesses(found, registered, compared)]
    best = max(ways, key=_kept)
    closer = _by_edges(found, registered, best[1])
    survives, transform = max(best, (_survival(found, registered, closer), closer), key=_kept)
    signs = "".join(survives)
    if grade(survives) < MIN_GRADE or 1 - signs.count(PLAIN) / len(signs) < MIN_TELLING:
        return compared
    return replace(
        laid(compared, transform, found, registered),
        decision=Decision.RESEMBLES,
        inliers=support(Remembered(found, registered), registered, transform).inliers,
        dense=round(dense_agreement(found, registered, transform).share, 4),
        reasons=(DERIVED,),
        related=None,
        exposure=None,
        figures={},
        in_place=None,
        drift=None,
        survival=survives,
    )


def _guesses(found: Features, registered: Features, compared: Verification) -> Iterator[Floats]:
    """Yield possible alignments: from keypoints or hashes, or by stretching one to the other, also mirrored."""
    if compared.transform is not None:
        yield np.array(compared.transform)
    nearest = nearest_hash(found, registered)
    if nearest.hamming <= HASH_REACH:
        yield nearest.transform
    across, down = registered.info.width / found.info.width, registered.info.height / found.info.height
    whole = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    yield whole
    yield whole @ np.array([[-1.0, 0, found.info.width - 1], [0, 1, 0], [0, 0, 1]])


def _survival(found: Features, registered: Features, transform: Floats) -> tuple[str, ...]:
    shown, mask = laid_on(found, registered, transform)
    return survival(shown, mask, registered.thumbnail) if mask.mean() >= MIN_SHOWN else ()


def _kept(way: tuple[tuple[str, ...], Floats]) -> int:
    return sum(int(sign) for row in way[0] for sign in row if sign.isdecimal())


def _by_edges(found: Features, registered: Features, transform: Floats) -> Floats:
    """Refine a transform to maximise the correlation of edges; unchanged if that fails.

    By G. Evangelidis and E. Psarakis, "Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization",
    2008.
    """
    shown, mask = laid_on(found, registered, transform)
    inside = cv2.erode(mask.astype(np.uint8), np.ones((9, 9), np.uint8))
    step = np.eye(2, 3, dtype=np.float32)
    try:
        edges = _edges(registered.thumbnail), _edges(shown)
        _, step = cv2.findTransformECC(*edges, step, cv2.MOTION_AFFINE, STEPS, inside, 5)
    except cv2.error:
        return transform
    area = float(np.linalg.det(step[:, :2]))
    if not 1 / MAX_STRETCH < area < MAX_STRETCH:
        return transform
    scaling = grey_scaling(registered, size_of(registered.thumbnail))
    back = np.linalg.inv(np.vstack([step, [0, 0, 1]]).astype(np.float64))
    return np.asarray(np.linalg.inv(scaling) @ back @ scaling @ transform, np.float64)


def _edges(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the clearness of an edge at each pixel, 0 to 1, independent of its contrast."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1)
    steep = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.GaussianBlur(steep / (steep + steep.mean() + 1e-3), (0, 0), 2), np.float32)
