"""Works redrawn, painted over or filled in: what of the registered picture survives, where no rule finds a copy.

What survives is defined in :mod:`exhibit.comparison.derived`; here the pictures are laid onto each other by what
survives of a redrawn work, its edges.
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
"""From which a pair of which nothing else was found resembles the work, and the share of the work's cells that
have to tell something: outlines of things on white resemble one another."""
MIN_SHOWN, MAX_STRETCH = 0.1, 1.3
"""Share of the work that a picture has to cover, and how much edges may change the area that it is laid on."""
STEPS = (3, 40, 1e-4)
"""Kinds of end (OpenCV's), rounds and least gain of laying the one onto the other by edges."""

Floats = NDArray[np.float64]


def graded(found: Features, registered: Features, compared: Verification) -> Verification:
    """What was measured of a pair, with the map of what survives of the registered picture.

    Where nothing was found, the pictures are laid onto each other in whatever way most survives, and the decision is
    ``resembles`` if that is enough, for the reason ``derived``; plain works, which resemble many, are never.
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
    """How the one may lie on the other: as details or hashes say, or each stretched to the other, also mirrored."""
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
    """A transform, corrected so that edges correlate best; unchanged where they don't say how.

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
    """How clearly an edge runs at each pixel, 0 to 1, whatever its contrast."""
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1)
    steep = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.GaussianBlur(steep / (steep + steep.mean() + 1e-3), (0, 0), 2), np.float32)
