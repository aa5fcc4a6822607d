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
from indexer.compare.surfaces import find_nearest_rows
from indexer.layout.masks import find_inside
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
FEW_INLIERS, INLIER_SHARE = 20, 0.8
"""Below this number of inliers, a transform without perspective is tried if it has this share of them."""
ENOUGH_INLIERS = 40
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

    found_points: NDArray[np.float32]  # float32, shape (n, 2), pixels of the found grey picture, mirrored if `mirrored`
    registered_points: NDArray[np.float32]  # float32, shape (n, 2), pixels of the registered grey picture
    frame: NDArray[np.float64]  # 3×3 transform from original found pixels to those of `found`
    mirrored: bool  # whether the found picture was mirrored

    @cached_property
    def agreeing(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Result of :func:`find_agreeing`."""
        return find_agreeing(self.found_points.astype(float), self.registered_points.astype(float))


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A transform and its support."""

    transform: NDArray[np.float64]  # 3×3 float64, original found pixels to original registered pixels
    inliers: int  # distinct matches that agree with it
    stiff: "Alignment | None" = None  # one without perspective, if the first has few inliers


AS_IS, BOTH_ORIENTATIONS = (False,), (False, True)
"""Hypotheses: the picture as it is only, or also mirrored."""


def find_correspondences(
    found_picture: Features, registered: Features, mirror_options: tuple[bool, ...] = BOTH_ORIENTATIONS
) -> Iterator[Correspondences]:
    """Match the original and the mirrored picture; hypotheses with too few matches are skipped."""
    local = _unmasked_features(registered)
    if min(len(found_picture.local), len(local)) < MIN_MATCHES:
        return
    registered_points = apply_transform(local.points, grey_scaling(registered, registered.grey_size))
    flip = np.array([[-1.0, 0, found_picture.grey_size[0] - 1], [0, 1, 0], [0, 0, 1]])
    for mirrored in mirror_options:
        rows = found_picture.local.mirrored_units if mirrored else found_picture.local.units
        frame = (
            flip @ grey_scaling(found_picture, found_picture.grey_size)
            if mirrored
            else grey_scaling(found_picture, found_picture.grey_size)
        )
        pairs = _match_by_ratio(rows, local.units)
        if len(pairs) >= MIN_MATCHES:
            found_points = apply_transform(found_picture.local.points[pairs[:, 0]], frame)
            yield Correspondences(found_points, registered_points[pairs[:, 1]], frame, mirrored)


class CachedMatches:
    """Matches of a pair that are used several times; each hypothesis is computed when it is first needed."""

    def __init__(self, found_picture: Features, registered: Features) -> None:
        self._matches: list[Correspondences] = []
        self._remaining = find_correspondences(found_picture, registered)

    def __iter__(self) -> Iterator[Correspondences]:
        yield from self._matches
        for matches in self._remaining:
            self._matches.append(matches)
            yield matches


def find_agreeing(
    found_points: NDArray[np.float64], registered_points: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Find matches, shape (n, 2) each, that follow one similarity with their neighbours.

    Returns:
        Bool, shape (n,), and the linear map around each from the registered picture to the found one, (n, 2, 2).
    """
    count = len(found_points)
    if count <= NEIGHBOURS:
        return np.zeros(count, bool), np.zeros((count, 2, 2))
    near = find_nearest_rows(registered_points, NEIGHBOURS)
    registered_offsets, found_offsets = (
        registered_points[near] - registered_points[:, None],
        found_points[near] - found_points[:, None],
    )
    before, after = registered_offsets @ np.array([1, 1j]), found_offsets @ np.array([1, 1j])
    distances = np.abs(before)
    guides = after[:, :GUIDES] / np.where(distances > 0, before, 1)[:, :GUIDES]
    usable = (distances[:, :GUIDES] >= NEAREST_GUIDE) & (np.abs(guides) > SMALLEST) & (np.abs(guides) < LARGEST)
    guides = np.where(usable, guides, 0)
    scales = np.abs(guides)[..., None]
    errors = np.abs(before[:, None] * guides[..., None] - after[:, None])
    slack = np.maximum(SLACK * np.maximum(1, scales), SLACK_SHARE * distances[:, None] * scales)
    follows = usable[..., None] & (errors < slack)
    rows, best = np.arange(count), follows.sum(axis=2).argmax(axis=1)
    agrees = follows[rows, best].sum(axis=1) >= AGREE
    guide = guides[rows, best]
    linear = np.stack([guide.real, -guide.imag, guide.imag, guide.real], axis=1).reshape(-1, 2, 2)
    weights = (follows[rows, best] & agrees[near]).astype(float)[..., None]
    squares = np.einsum("nki,nkj->nij", registered_offsets * weights, registered_offsets) + np.eye(2) * STIFFNESS
    crossed = np.einsum("nki,nkj->nij", registered_offsets * weights, found_offsets) + STIFFNESS * linear.transpose(
        0, 2, 1
    )
    return agrees, np.linalg.solve(squares, crossed).transpose(0, 2, 1)


def align(hypotheses: Iterable[Correspondences], found_picture: Features, registered: Features) -> Alignment | None:
    """Return the transform with the most distinct inliers, or ``None`` if no plausible one is found.

    The mirrored hypothesis is computed only if the first leaves doubt.
    """
    best: Alignment | None = None
    for matches in hypotheses:
        alignment = _estimate(matches, found_picture, registered)
        if alignment is not None and (best is None or alignment.inliers > best.inliers):
            best = alignment
        if best is not None and best.inliers >= ENOUGH_INLIERS:
            break
    return best


def measure_support(
    hypotheses: Iterable[Correspondences], registered: Features, transform: NDArray[np.float64]
) -> Alignment:
    """Return the support of the local features for a transform (original pixels) from another source."""
    mirrored = bool(np.linalg.det(transform[:2, :2]) < 0)
    for matches in hypotheses:
        if matches.mirrored == mirrored:
            between = grey_scaling(registered, registered.grey_size) @ transform @ np.linalg.inv(matches.frame)
            return replace(_measure(matches, between, registered), transform=transform)
    return Alignment(transform, 0)


def estimate_transform(
    estimate: Callable[..., Untyped], *points: Untyped, **options: Untyped
) -> NDArray[np.float64] | None:
    """Return a transform, 3×3, estimated from points by an OpenCV function; ``None`` if it fails."""
    try:
        transform, _ = estimate(*points, **options)
    except cv2.error:
        return None
    if transform is None:
        return None
    return np.asarray(transform if len(transform) == 3 else np.vstack([transform, [0, 0, 1]]))


def _unmasked_features(registered: Features) -> LocalFeatures:
    """Return the local features outside masked areas."""
    local = registered.local
    if not registered.masked:
        return local
    counts = ~find_inside(local.points, registered.masked)
    return LocalFeatures(local.points[counts], local.descriptors[counts], local.strong)


def _match_by_ratio(found_rows: NDArray[np.float32], registered_rows: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return pairs of row numbers, best first, each row at most once."""
    similarity = found_rows @ registered_rows.T
    rows = np.arange(len(found_rows))
    nearest = similarity.argmax(axis=1)
    first = similarity[rows, nearest]
    similarity[rows, nearest] = -1
    second = similarity.max(axis=1)
    ratio = np.sqrt(np.maximum(0, 2 - 2 * first)) / np.sqrt(np.maximum(1e-9, 2 - 2 * second))
    order = np.argsort(ratio, kind="stable")
    order = order[ratio[order] < RATIO]
    _, earliest = np.unique(nearest[order], return_index=True)
    matched_rows = order[np.sort(earliest)]
    return np.stack([matched_rows, nearest[matched_rows]], axis=1)


def _estimate(matches: Correspondences, found_picture: Features, registered: Features) -> Alignment | None:
    """Estimate with perspective and, if few points support that, also without. Both need enough inliers."""
    free = _estimate_homography(matches, found_picture, registered)
    if free is not None and free.inliers >= FEW_INLIERS:
        return free
    stiff = _estimate_similarity(matches, found_picture, registered)
    if free is None or free.inliers < MIN_MATCHES:
        return stiff if stiff is not None and stiff.inliers >= MIN_MATCHES else None
    as_many = stiff is not None and stiff.inliers >= INLIER_SHARE * free.inliers
    return replace(free, stiff=stiff) if as_many else free


def _estimate_homography(matches: Correspondences, found_picture: Features, registered: Features) -> Alignment | None:
    try:
        transform, mask = cv2.findHomography(
            matches.found_points, matches.registered_points, cv2.USAC_MAGSAC, TOLERANCE, maxIters=1000, confidence=0.999
        )
    except cv2.error:
        return None
    if transform is None or mask is None:
        return None
    agrees = mask.ravel() > 0
    if not _is_plausible(transform, found_picture):
        # If perspective only fits noise (a small work on a page), an affine transform may hold.
        options = {"method": cv2.RANSAC, "ransacReprojThreshold": TOLERANCE}
        transform = estimate_transform(
            cv2.estimateAffine2D, matches.found_points[agrees], matches.registered_points[agrees], **options
        )
        if transform is None or not _is_plausible(transform, found_picture):
            return None
    return _measure(matches, transform, registered)


def _estimate_similarity(matches: Correspondences, found_picture: Features, registered: Features) -> Alignment | None:
    """Estimate rotation, scale and translation only: few points can fit a perspective that does not exist."""
    options = {"method": cv2.RANSAC, "ransacReprojThreshold": TOLERANCE, "confidence": 0.999}
    between = estimate_transform(
        cv2.estimateAffinePartial2D, matches.found_points, matches.registered_points, **options
    )
    return (
        None if between is None or not _is_plausible(between, found_picture) else _measure(matches, between, registered)
    )


def _measure(matches: Correspondences, between: NDArray[np.float64], registered: Features) -> Alignment:
    """Measure the support for a transform between the points of the matches."""
    errors = np.linalg.norm(apply_transform(matches.found_points, between) - matches.registered_points, axis=1)
    agrees = errors <= TOLERANCE
    original = np.linalg.inv(grey_scaling(registered, registered.grey_size)) @ between @ matches.frame
    return Alignment(
        transform=original / original[2, 2],
        inliers=_count_distinct(matches.found_points[agrees], matches.registered_points[agrees]),
    )


def _is_plausible(transform: NDArray[np.float64], found_picture: Features) -> bool:
    """Return True if the whole found picture stays convex, is not flipped and has a plausible size."""
    height, width = found_picture.grey.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    weights = corners @ transform[2, :2] + transform[2, 2]
    if not np.isfinite(transform).all() or (np.sign(weights) != np.sign(weights[0])).any():
        return False
    places = apply_transform(corners, transform)
    edges = np.roll(places, -1, axis=0) - places
    following = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0]
    if not (turns > 0).all():
        return False
    scale = np.sqrt(abs(turns.sum()) / 4 / (width * height))
    return bool(MIN_SCALE < scale < MAX_SCALE)


def apply_transform(points: NDArray[np.floating], transform: NDArray[np.float64]) -> NDArray[np.float32]:
    """Apply a transform, 3×3, to points, shape (n, 2)."""
    places = points @ transform[:, :2].T + transform[:, 2]
    return np.asarray(places[:, :2] / places[:, 2:], np.float32)


def _count_distinct(found_points: NDArray[np.float32], registered_points: NDArray[np.float32]) -> int:
    """Count matches in distinct cells of both pictures, so that a repeated spot counts once."""
    cells = (points.astype(np.int64) // INLIER_CELL @ [1 << 32, 1] for points in (found_points, registered_points))
    return min(len(np.unique(numbers)) for numbers in cells)
