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
from indexer.layout.masks import find_points_inside
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, compute_grey_scaling
from indexer.picture.local_features import LocalFeatures

MAX_RATIO = 0.8
TOLERANCE = 4.0
"""Maximum error of a match, in pixels of the registered picture at its measured size."""
MIN_MATCHES = 5
INLIER_CELL = 3
"""Side of a cell in pixels; inliers within one cell count once."""
MIN_SCALE, MAX_SCALE = 0.04, 25.0
FEW_INLIERS_LIMIT, MIN_INLIER_FRACTION = 20, 0.8
"""Number of inliers below which a transform without perspective is tried as well, and the fraction of them that it
needs."""
ENOUGH_INLIERS = 40
"""Number of inliers from which the mirrored hypothesis is skipped."""
NEIGHBOUR_COUNT, MIN_AGREEING_NEIGHBOURS, GUIDE_COUNT = 10, 6, 6
"""Number of neighbouring matches considered, minimum number that agree, and number of the nearest tried as guides."""
MIN_GUIDE_DISTANCE, MIN_GUIDE_SCALE, MAX_GUIDE_SCALE = 4.0, 0.1, 10.0
"""Minimum distance of a guide in pixels, and limits of its scale."""
NEIGHBOUR_TOLERANCE, NEIGHBOUR_TOLERANCE_FRACTION = 3.0, 0.18
"""Maximum error of a neighbour: in pixels, and as a fraction of its distance."""
STIFFNESS = 30.0
"""Regularisation, in square pixels, of a local map towards its guide."""


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Matched points of two pictures."""

    found_points: NDArray[np.float32]  # float32, (n, 2), pixels of the found grey picture, mirrored if `is_mirrored`
    registered_points: NDArray[np.float32]  # float32, shape (n, 2), pixels of the registered grey picture
    frame: NDArray[np.float64]  # 3×3 transform from original found pixels to those of `found_points`
    is_mirrored: bool  # whether the found picture was mirrored

    @cached_property
    def agreeing_matches(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Result of :func:`find_agreeing_matches`."""
        return find_agreeing_matches(self.found_points.astype(float), self.registered_points.astype(float))


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A transform and its support."""

    transform: NDArray[np.float64]  # 3×3 float64, original found pixels to original registered pixels
    inliers: int  # distinct matches that agree with it
    stiff: "Alignment | None" = None  # alignment without perspective, if this one has few inliers


ORIGINAL_ONLY, BOTH_ORIENTATIONS = (False,), (False, True)
"""Hypotheses: the original picture only, or also the mirrored one."""


def find_correspondences(
    found_picture: Features, registered_picture: Features, mirror_options: tuple[bool, ...] = BOTH_ORIENTATIONS
) -> Iterator[Correspondences]:
    """Yield the matches of the original and of the mirrored picture; hypotheses with too few matches are skipped."""
    local = _select_unmasked_features(registered_picture)
    if min(len(found_picture.local), len(local)) < MIN_MATCHES:
        return
    registered_points = apply_transform(
        local.points, compute_grey_scaling(registered_picture, registered_picture.grey_size)
    )
    flip = np.array([[-1.0, 0, found_picture.grey_size[0] - 1], [0, 1, 0], [0, 0, 1]])
    for mirrored in mirror_options:
        rows = found_picture.local.mirrored_unit_rows if mirrored else found_picture.local.unit_rows
        frame = (
            flip @ compute_grey_scaling(found_picture, found_picture.grey_size)
            if mirrored
            else compute_grey_scaling(found_picture, found_picture.grey_size)
        )
        pairs = _match_by_ratio(rows, local.unit_rows)
        if len(pairs) >= MIN_MATCHES:
            found_points = apply_transform(found_picture.local.points[pairs[:, 0]], frame)
            yield Correspondences(found_points, registered_points[pairs[:, 1]], frame, mirrored)


class CachedMatches:
    """Matches of a pair, computed once per hypothesis when first needed, and reused."""

    def __init__(self, found_picture: Features, registered_picture: Features) -> None:
        self._matches: list[Correspondences] = []
        self._remaining = find_correspondences(found_picture, registered_picture)

    def __iter__(self) -> Iterator[Correspondences]:
        yield from self._matches
        for matches in self._remaining:
            self._matches.append(matches)
            yield matches


def find_agreeing_matches(
    found_points: NDArray[np.float64], registered_points: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Find the matches that follow one similarity transform with their neighbours.

    Args:
        found_points: Points in the found picture, shape (n, 2).
        registered_points: Matching points in the registered picture, shape (n, 2).

    Returns:
        Bool, shape (n,), and the linear map around each match from the registered picture to the found one,
        shape (n, 2, 2).
    """
    count = len(found_points)
    if count <= NEIGHBOUR_COUNT:
        return np.zeros(count, bool), np.zeros((count, 2, 2))
    neighbour_rows = find_nearest_rows(registered_points, NEIGHBOUR_COUNT)
    registered_offsets, found_offsets = (
        registered_points[neighbour_rows] - registered_points[:, None],
        found_points[neighbour_rows] - found_points[:, None],
    )
    registered_complex, found_complex = registered_offsets @ np.array([1, 1j]), found_offsets @ np.array([1, 1j])
    distances = np.abs(registered_complex)
    guides = found_complex[:, :GUIDE_COUNT] / np.where(distances > 0, registered_complex, 1)[:, :GUIDE_COUNT]
    usable = (
        (distances[:, :GUIDE_COUNT] >= MIN_GUIDE_DISTANCE)
        & (np.abs(guides) > MIN_GUIDE_SCALE)
        & (np.abs(guides) < MAX_GUIDE_SCALE)
    )
    guides = np.where(usable, guides, 0)
    scales = np.abs(guides)[..., None]
    errors = np.abs(registered_complex[:, None] * guides[..., None] - found_complex[:, None])
    tolerance = np.maximum(
        NEIGHBOUR_TOLERANCE * np.maximum(1, scales), NEIGHBOUR_TOLERANCE_FRACTION * distances[:, None] * scales
    )
    is_following = usable[..., None] & (errors < tolerance)
    rows, best_guides = np.arange(count), is_following.sum(axis=2).argmax(axis=1)
    is_agreeing = is_following[rows, best_guides].sum(axis=1) >= MIN_AGREEING_NEIGHBOURS
    guide = guides[rows, best_guides]
    linear = np.stack([guide.real, -guide.imag, guide.imag, guide.real], axis=1).reshape(-1, 2, 2)
    weights = (is_following[rows, best_guides] & is_agreeing[neighbour_rows]).astype(float)[..., None]
    squares = np.einsum("nki,nkj->nij", registered_offsets * weights, registered_offsets) + np.eye(2) * STIFFNESS
    crossed = np.einsum("nki,nkj->nij", registered_offsets * weights, found_offsets) + STIFFNESS * linear.transpose(
        0, 2, 1
    )
    return is_agreeing, np.linalg.solve(squares, crossed).transpose(0, 2, 1)


def align(
    hypotheses: Iterable[Correspondences], found_picture: Features, registered_picture: Features
) -> Alignment | None:
    """Return the transform with the most distinct inliers, or ``None`` if no plausible one is found.

    The mirrored hypothesis is computed only if the first one has few inliers.
    """
    best_alignment: Alignment | None = None
    for matches in hypotheses:
        alignment = _estimate_alignment(matches, found_picture, registered_picture)
        if alignment is not None and (best_alignment is None or alignment.inliers > best_alignment.inliers):
            best_alignment = alignment
        if best_alignment is not None and best_alignment.inliers >= ENOUGH_INLIERS:
            break
    return best_alignment


def measure_support(
    hypotheses: Iterable[Correspondences], registered_picture: Features, transform: NDArray[np.float64]
) -> Alignment:
    """Measure the support of the local features for a transform (original pixels) that was derived otherwise."""
    mirrored = bool(np.linalg.det(transform[:2, :2]) < 0)
    for matches in hypotheses:
        if matches.is_mirrored == mirrored:
            between = (
                compute_grey_scaling(registered_picture, registered_picture.grey_size)
                @ transform
                @ np.linalg.inv(matches.frame)
            )
            return replace(_measure_support(matches, between, registered_picture), transform=transform)
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


def _select_unmasked_features(registered_picture: Features) -> LocalFeatures:
    """Return the local features outside masked areas."""
    local = registered_picture.local
    if not registered_picture.masked_boxes:
        return local
    counts = ~find_points_inside(local.points, registered_picture.masked_boxes)
    return LocalFeatures(local.points[counts], local.descriptors[counts], local.strong_count)


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
    order = order[ratio[order] < MAX_RATIO]
    _, earliest = np.unique(nearest[order], return_index=True)
    matched_rows = order[np.sort(earliest)]
    return np.stack([matched_rows, nearest[matched_rows]], axis=1)


def _estimate_alignment(
    matches: Correspondences, found_picture: Features, registered_picture: Features
) -> Alignment | None:
    """Estimate a transform with perspective and, if few points support it, also one without.

    Both need enough inliers.
    """
    perspective_alignment = _estimate_homography(matches, found_picture, registered_picture)
    if perspective_alignment is not None and perspective_alignment.inliers >= FEW_INLIERS_LIMIT:
        return perspective_alignment
    stiff_alignment = _estimate_similarity(matches, found_picture, registered_picture)
    if perspective_alignment is None or perspective_alignment.inliers < MIN_MATCHES:
        return stiff_alignment if stiff_alignment is not None and stiff_alignment.inliers >= MIN_MATCHES else None
    has_enough_inliers = (
        stiff_alignment is not None and stiff_alignment.inliers >= MIN_INLIER_FRACTION * perspective_alignment.inliers
    )
    return replace(perspective_alignment, stiff=stiff_alignment) if has_enough_inliers else perspective_alignment


def _estimate_homography(
    matches: Correspondences, found_picture: Features, registered_picture: Features
) -> Alignment | None:
    try:
        transform, mask = cv2.findHomography(
            matches.found_points, matches.registered_points, cv2.USAC_MAGSAC, TOLERANCE, maxIters=1000, confidence=0.999
        )
    except cv2.error:
        return None
    if transform is None or mask is None:
        return None
    is_agreeing = mask.ravel() > 0
    if not _is_plausible(transform, found_picture):
        # If the perspective only fits noise (a small work on a page), an affine transform may be valid.
        options = {"method": cv2.RANSAC, "ransacReprojThreshold": TOLERANCE}
        transform = estimate_transform(
            cv2.estimateAffine2D, matches.found_points[is_agreeing], matches.registered_points[is_agreeing], **options
        )
        if transform is None or not _is_plausible(transform, found_picture):
            return None
    return _measure_support(matches, transform, registered_picture)


def _estimate_similarity(
    matches: Correspondences, found_picture: Features, registered_picture: Features
) -> Alignment | None:
    """Estimate rotation, scale and translation only, as few points can fit a spurious perspective."""
    options = {"method": cv2.RANSAC, "ransacReprojThreshold": TOLERANCE, "confidence": 0.999}
    between = estimate_transform(
        cv2.estimateAffinePartial2D, matches.found_points, matches.registered_points, **options
    )
    return (
        None
        if between is None or not _is_plausible(between, found_picture)
        else _measure_support(matches, between, registered_picture)
    )


def _measure_support(matches: Correspondences, between: NDArray[np.float64], registered_picture: Features) -> Alignment:
    """Measure the support for a transform between the points of the matches."""
    errors = np.linalg.norm(apply_transform(matches.found_points, between) - matches.registered_points, axis=1)
    is_agreeing = errors <= TOLERANCE
    original = (
        np.linalg.inv(compute_grey_scaling(registered_picture, registered_picture.grey_size)) @ between @ matches.frame
    )
    return Alignment(
        transform=original / original[2, 2],
        inliers=_count_distinct(matches.found_points[is_agreeing], matches.registered_points[is_agreeing]),
    )


def _is_plausible(transform: NDArray[np.float64], found_picture: Features) -> bool:
    """Return True if the whole found picture stays convex, is not flipped and has a plausible size."""
    height, width = found_picture.grey.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    weights = corners @ transform[2, :2] + transform[2, 2]
    if not np.isfinite(transform).all() or (np.sign(weights) != np.sign(weights[0])).any():
        return False
    positions = apply_transform(corners, transform)
    edges = np.roll(positions, -1, axis=0) - positions
    next_edges = np.roll(edges, -1, axis=0)
    cross_products = edges[:, 0] * next_edges[:, 1] - edges[:, 1] * next_edges[:, 0]
    if not (cross_products > 0).all():
        return False
    scale = np.sqrt(abs(cross_products.sum()) / 4 / (width * height))
    return bool(MIN_SCALE < scale < MAX_SCALE)


def apply_transform(points: NDArray[np.floating], transform: NDArray[np.float64]) -> NDArray[np.float32]:
    """Apply a transform, 3×3, to points, shape (n, 2)."""
    positions = points @ transform[:, :2].T + transform[:, 2]
    return np.asarray(positions[:, :2] / positions[:, 2:], np.float32)


def _count_distinct(found_points: NDArray[np.float32], registered_points: NDArray[np.float32]) -> int:
    """Count matches in distinct cells of both pictures, so that a repeated spot counts once."""
    cells = (points.astype(np.int64) // INLIER_CELL @ [1 << 32, 1] for points in (found_points, registered_points))
    return min(len(np.unique(numbers)) for numbers in cells)
