"""Estimation of the transform between two pictures from their local features.

Descriptors are matched one to one by Lowe's ratio, for the original and the mirrored picture; MAGSAC++ (Barath et al.,
"MAGSAC++, a fast, reliable and accurate robust estimator", 2020) estimates a homography; implausible ones are rejected.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Untyped
from indexer.compare.surfaces import nearest_rows
from indexer.layout.masks import inside
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, grey_scaling
from indexer.picture.local_features import LocalFeatures

RATIO = 0.8
TOLERANCE = 4.0
"""Maximum error of a match, in pixels of the registered picture at its measured size."""
MIN_MATCHES = 5
INLIER_CELL = 3
"""Inliers within one cell of this size, in pixels, count once."""
MIN_SCALE, MAX_SCALE = 0.04, 25.0
FEW_INLIERS, AS_MANY = 20, 0.8
"""Below this number of inliers, a transform without perspective is tried if it has this share of them."""
SETTLED = 40
"""Number of inliers from which the mirrored hypothesis is not tried."""
NEIGHBOURS, AGREE, GUIDES = 10, 6, 6
"""Neighbouring matches that are considered, how many must agree, and how many of the nearest are tried as guides."""
NEAREST_GUIDE, SMALLEST, LARGEST = 4.0, 0.1, 10.0
"""Minimum distance of a guide in pixels, and limits of its scale."""
SLACK, SLACK_SHARE = 3.0, 0.18
"""Maximum error of a neighbour: pixels, and share of its distance."""
STIFFNESS = 30.0
"""Regularisation, in square pixels, of a local map towards its guide."""


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Matched points of two pictures."""

    found: NDArray[np.float32]  # float32, shape (n, 2), pixels of the found grey picture, mirrored if `mirrored`
    registered: NDArray[np.float32]  # float32, shape (n, 2), pixels of the registered grey picture
    frame: NDArray[np.float64]  # 3×3 transform from original found pixels to those of `found`
    mirrored: bool  # whether the found picture was mirrored

    @cached_property
    def agreeing(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Result of :func:`agreeing`."""
        return agreeing(self.found.astype(float), self.registered.astype(float))


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A transform and its support."""

    transform: NDArray[np.float64]  # 3×3 float64, original found pixels to original registered pixels
    inliers: int  # distinct matches that agree with it
    stiff: "Alignment | None" = None  # one without perspective, if the first has few inliers


AS_IS, EITHER_WAY = (False,), (False, True)
"""Hypotheses: the picture as it is only, or also mirrored."""


def correspondences(
    found: Features, registered: Features, ways: tuple[bool, ...] = EITHER_WAY
) -> Iterator[Correspondences]:
    """Match the original and the mirrored picture; hypotheses with too few matches are skipped."""
    local = _unmasked(registered)
    if min(len(found.local), len(local)) < MIN_MATCHES:
        return
    registered_points = moved(local.points, grey_scaling(registered, registered.grey_size))
    flip = np.array([[-1.0, 0, found.grey_size[0] - 1], [0, 1, 0], [0, 0, 1]])
    for mirrored in ways:
        rows = found.local.mirrored_units if mirrored else found.local.units
        frame = flip @ grey_scaling(found, found.grey_size) if mirrored else grey_scaling(found, found.grey_size)
        pairs = _ratio_matches(rows, local.units)
        if len(pairs) >= MIN_MATCHES:
            found_points = moved(found.local.points[pairs[:, 0]], frame)
            yield Correspondences(found_points, registered_points[pairs[:, 1]], frame, mirrored)


class Remembered:
    """Matches of a pair that are used several times; each hypothesis is computed when it is first needed."""

    def __init__(self, found: Features, registered: Features) -> None:
        self._made: list[Correspondences] = []
        self._left = correspondences(found, registered)

    def __iter__(self) -> Iterator[Correspondences]:
        yield from self._made
        for matches in self._left:
            self._made.append(matches)
            yield matches


def agreeing(
    found: NDArray[np.float64], registered: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Find matches, shape (n, 2) each, that follow one similarity with their neighbours.

    Returns:
        Bool, shape (n,), and the linear map around each from the registered picture to the found one, (n, 2, 2).
    """
    count = len(found)
    if count <= NEIGHBOURS:
        return np.zeros(count, bool), np.zeros((count, 2, 2))
    near = nearest_rows(registered, NEIGHBOURS)
    there, here = registered[near] - registered[:, None], found[near] - found[:, None]
    before, after = there @ np.array([1, 1j]), here @ np.array([1, 1j])
    apart = np.abs(before)
    guides = after[:, :GUIDES] / np.where(apart > 0, before, 1)[:, :GUIDES]
    usable = (apart[:, :GUIDES] >= NEAREST_GUIDE) & (np.abs(guides) > SMALLEST) & (np.abs(guides) < LARGEST)
    guides = np.where(usable, guides, 0)
    scales = np.abs(guides)[..., None]
    missed = np.abs(before[:, None] * guides[..., None] - after[:, None])
    slack = np.maximum(SLACK * np.maximum(1, scales), SLACK_SHARE * apart[:, None] * scales)
    follows = usable[..., None] & (missed < slack)
    rows, best = np.arange(count), follows.sum(axis=2).argmax(axis=1)
    agrees = follows[rows, best].sum(axis=1) >= AGREE
    guide = guides[rows, best]
    linear = np.stack([guide.real, -guide.imag, guide.imag, guide.real], axis=1).reshape(-1, 2, 2)
    weights = (follows[rows, best] & agrees[near]).astype(float)[..., None]
    squares = np.einsum("nki,nkj->nij", there * weights, there) + np.eye(2) * STIFFNESS
    crossed = np.einsum("nki,nkj->nij", there * weights, here) + STIFFNESS * linear.transpose(0, 2, 1)
    return agrees, np.linalg.solve(squares, crossed).transpose(0, 2, 1)


def align(every: Iterable[Correspondences], found: Features, registered: Features) -> Alignment | None:
    """Return the transform with the most distinct inliers, or ``None`` if no plausible one is found.

    The mirrored hypothesis is computed only if the first leaves doubt.
    """
    best: Alignment | None = None
    for matches in every:
        alignment = _estimate(matches, found, registered)
        if alignment is not None and (best is None or alignment.inliers > best.inliers):
            best = alignment
        if best is not None and best.inliers >= SETTLED:
            break
    return best


def support(every: Iterable[Correspondences], registered: Features, transform: NDArray[np.float64]) -> Alignment:
    """Return the support of the local features for a transform (original pixels) from another source."""
    mirrored = bool(np.linalg.det(transform[:2, :2]) < 0)
    for matches in every:
        if matches.mirrored == mirrored:
            between = grey_scaling(registered, registered.grey_size) @ transform @ np.linalg.inv(matches.frame)
            return replace(_measured(matches, between, registered), transform=transform)
    return Alignment(transform, 0)


def estimated(estimate: Callable[..., Untyped], *points: Untyped, **how: Untyped) -> NDArray[np.float64] | None:
    """Return a transform, 3×3, estimated from points by an OpenCV function; ``None`` if it fails."""
    try:
        transform, _ = estimate(*points, **how)
    except cv2.error:
        return None
    if transform is None:
        return None
    return np.asarray(transform if len(transform) == 3 else np.vstack([transform, [0, 0, 1]]))


def _unmasked(registered: Features) -> LocalFeatures:
    """Return the local features outside masked areas."""
    local = registered.local
    if not registered.masked:
        return local
    counts = ~inside(local.points, registered.masked)
    return LocalFeatures(local.points[counts], local.descriptors[counts], local.strong)


def _ratio_matches(found: NDArray[np.float32], registered: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return pairs of row numbers, best first, each row at most once."""
    similarity = found @ registered.T
    rows = np.arange(len(found))
    nearest = similarity.argmax(axis=1)
    first = similarity[rows, nearest]
    similarity[rows, nearest] = -1
    second = similarity.max(axis=1)
    ratio = np.sqrt(np.maximum(0, 2 - 2 * first)) / np.sqrt(np.maximum(1e-9, 2 - 2 * second))
    order = np.argsort(ratio, kind="stable")
    order = order[ratio[order] < RATIO]
    _, earliest = np.unique(nearest[order], return_index=True)
    rows_kept = order[np.sort(earliest)]
    return np.stack([rows_kept, nearest[rows_kept]], axis=1)


def _estimate(matches: Correspondences, found: Features, registered: Features) -> Alignment | None:
    """Estimate with perspective and, if few points support that, also without. Both need enough inliers."""
    free = _free(matches, found, registered)
    if free is not None and free.inliers >= FEW_INLIERS:
        return free
    stiff = _stiff(matches, found, registered)
    if free is None or free.inliers < MIN_MATCHES:
        return stiff if stiff is not None and stiff.inliers >= MIN_MATCHES else None
    as_many = stiff is not None and stiff.inliers >= AS_MANY * free.inliers
    return replace(free, stiff=stiff) if as_many else free


def _free(matches: Correspondences, found: Features, registered: Features) -> Alignment | None:
    try:
        transform, mask = cv2.findHomography(
            matches.found, matches.registered, cv2.USAC_MAGSAC, TOLERANCE, maxIters=1000, confidence=0.999
        )
    except cv2.error:
        return None
    if transform is None or mask is None:
        return None
    agrees = mask.ravel() > 0
    if not _credible(transform, found):
        # If perspective only fits noise (a small work on a page), an affine transform may hold.
        how = {"method": cv2.RANSAC, "ransacReprojThreshold": TOLERANCE}
        transform = estimated(cv2.estimateAffine2D, matches.found[agrees], matches.registered[agrees], **how)
        if transform is None or not _credible(transform, found):
            return None
    return _measured(matches, transform, registered)


def _stiff(matches: Correspondences, found: Features, registered: Features) -> Alignment | None:
    """Estimate rotation, scale and translation only: few points can fit a perspective that does not exist."""
    how = {"method": cv2.RANSAC, "ransacReprojThreshold": TOLERANCE, "confidence": 0.999}
    between = estimated(cv2.estimateAffinePartial2D, matches.found, matches.registered, **how)
    return None if between is None or not _credible(between, found) else _measured(matches, between, registered)


def _measured(matches: Correspondences, between: NDArray[np.float64], registered: Features) -> Alignment:
    """Measure the support for a transform between the points of the matches."""
    missed = np.linalg.norm(moved(matches.found, between) - matches.registered, axis=1)
    agrees = missed <= TOLERANCE
    original = np.linalg.inv(grey_scaling(registered, registered.grey_size)) @ between @ matches.frame
    return Alignment(
        transform=original / original[2, 2],
        inliers=_distinct(matches.found[agrees], matches.registered[agrees]),
    )


def _credible(transform: NDArray[np.float64], found: Features) -> bool:
    """Return True if the whole found picture stays convex, is not flipped and has a plausible size."""
    height, width = found.grey.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    weights = corners @ transform[2, :2] + transform[2, 2]
    if not np.isfinite(transform).all() or (np.sign(weights) != np.sign(weights[0])).any():
        return False
    places = moved(corners, transform)
    edges = np.roll(places, -1, axis=0) - places
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    if not (turns > 0).all():
        return False
    scale = np.sqrt(abs(turns.sum()) / 4 / (width * height))
    return bool(MIN_SCALE < scale < MAX_SCALE)


def moved(points: NDArray[np.floating], transform: NDArray[np.float64]) -> NDArray[np.float32]:
    """Apply a transform, 3×3, to points, shape (n, 2)."""
    places = points @ transform[:, :2].T + transform[:, 2]
    return np.asarray(places[:, :2] / places[:, 2:], np.float32)


def _distinct(found: NDArray[np.float32], registered: NDArray[np.float32]) -> int:
    """Count matches in distinct cells of both pictures, so that a repeated spot counts once."""
    cells = (points.astype(np.int64) // INLIER_CELL @ [1 << 32, 1] for points in (found, registered))
    return min(len(np.unique(numbers)) for numbers in cells)
