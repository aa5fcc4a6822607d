"""Copies that were bent by a wide lens, or by a filter that imitates one: no transform with perspective fits them.

The bend has one number: a point of the copy at the distance r from its centre, in halves of its longer side, moves to
(1 + bend · r²) times that distance (the first coefficient of D. C. Brown, "Decentering Distortion of Lenses", 1966). It
is chosen by how well one transform then fits the details that were found again.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from indexer.compare.geometry import TOLERANCE, Correspondences, estimated, moved
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features
from indexer.picture.lazy import Lazy
from indexer.picture.local_features import LocalFeatures

BENDS = (-0.2, -0.1, 0.1, 0.2, 0.3)
FINER = (0.05, 0.025, 0.0125)
MIN_TO_STRAIGHTEN = 12
BETTER = 0.9
"""Share of the misfit without a bend that is left with it, at most: a bend fits noise a little better, too."""
LENS_GRID = 9

Points = NDArray[np.float64]


def bend_of(matches: Correspondences, found: Features) -> float | None:
    """The bend under which one transform fits the correspondences best, or ``None`` when none helps."""
    if len(matches.found) < MIN_TO_STRAIGHTEN:
        return None
    shape = found.grey.shape
    misfits = {bend: _misfit(matches, bend, shape) for bend in (0.0, *BENDS)}
    for step in FINER:
        best = min(misfits, key=misfits.__getitem__)
        misfits |= {bend: _misfit(matches, bend, shape) for bend in (best - step, best + step)}
    best = min(misfits, key=misfits.__getitem__)
    return best if misfits[best] <= BETTER * misfits[0.0] else None


def straightened(found: Features, bend: float) -> Features:
    """The picture as it was before it was bent, in its own size; its details are moved with it."""
    local, size = found.local, (found.info.height, found.info.width)
    points = np.asarray(straight(local.points.astype(np.float64), bend, size), np.float32)
    return replace(
        found,
        later_grey=Lazy(lambda: _unbent(found.grey, bend)),
        later_local=Lazy(lambda: LocalFeatures(points, local.descriptors, local.strong)),
    )


def straight(points: Points, bend: float, shape: tuple[int, ...]) -> Points:
    """Where points of a bent picture of this shape (height, width) lie in the straightened one."""
    centre, radius = _middle(shape)
    across = (points - centre) / radius
    factor = (1 + bend * (across**2).sum(axis=1, keepdims=True)) / (1 + bend)
    return np.asarray(across * factor * radius + centre)


def flat(transform: NDArray[np.float64], bend: float, size: tuple[int, int]) -> NDArray[np.float64]:
    """The transform from a bent picture that comes nearest to straightening it first; else the given one."""
    x, y = np.meshgrid(np.linspace(0, size[0] - 1, LENS_GRID), np.linspace(0, size[1] - 1, LENS_GRID))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    target = moved(straight(points, bend, size[::-1]), transform)
    nearest = estimated(cv2.findHomography, points.astype(np.float32), target, 0)
    return transform if nearest is None else nearest


def _misfit(matches: Correspondences, bend: float, shape: tuple[int, ...]) -> float:
    """Mean square of what correspondences miss by, each at most the tolerance, under the best transform."""
    points = np.asarray(straight(matches.found.astype(np.float64), bend, shape), np.float32)
    transform = estimated(
        cv2.findHomography, points, matches.registered, cv2.USAC_MAGSAC, TOLERANCE, maxIters=300, confidence=0.99
    )
    if transform is None:
        return 1.0
    missed = np.linalg.norm(moved(points, transform) - matches.registered, axis=1) / TOLERANCE
    return float(np.square(np.minimum(missed, 1)).mean())


def _middle(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], float]:
    return np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2]), max(shape[:2]) / 2


def _unbent(grey: NDArray[np.uint8], bend: float) -> NDArray[np.uint8]:
    """Each pixel of the straightened picture comes from the distance in the bent one that is moved to it."""
    (across, down), radius = _middle(grey.shape)
    known = np.linspace(0, 1.5, 600)
    reached = known * (1 + bend * known**2) / (1 + bend)
    rising = np.concatenate([[True], np.diff(reached) > 0]).cumprod().astype(bool)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]].astype(np.float64)
    distance = np.hypot(x - across, y - down) / radius
    source = np.interp(distance, reached[rising], known[rising])
    factor = source / np.maximum(distance, 1e-9)
    maps = ((x - across) * factor + across, (y - down) * factor + down)
    return np.asarray(cv2.remap(grey, *(grid.astype(np.float32) for grid in maps), cv2.INTER_LINEAR))
