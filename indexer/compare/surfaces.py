"""Surfaces fitted to scattered points, which place the corners of cells."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

PLANE_NEIGHBOURS, CURVED_NEIGHBOURS = 10, 20
"""Number of neighbours to which a plane and a curved surface are fitted."""
MIN_PLANE_FOLLOWERS, MIN_CURVED_FOLLOWERS = 5, 9
"""Minimum number of neighbours that follow a plane, and a curved surface."""
MAX_ERRORS = (4.0, 2.0, 1.0, 1.0)
"""Maximum error of a neighbour in pixels, for each iteration."""
MIN_SUPPORT = 4
"""Number of nearest neighbours that must follow a surface for it to be used."""
MIN_POINTS = 12
OFFSET_UNIT = 40.0
"""Pixels by which offsets are divided, to keep squares small."""
MAX_CHOICES = 6
"""Maximum number of surfaces considered for a cell."""
FOLLOWERS_PER_CELL = 2.5
"""Additional neighbours that must follow a surface, per cell of distance."""
MAX_AVERAGED_DIFFERENCE = 0.7
"""Maximum difference in pixels of surfaces that are averaged."""
NUDGE_NEIGHBOUR_COUNT, NUDGE_TOLERANCE = 8, 1.0
"""Number of nearest points that move a cell, and the maximum deviation in pixels of their moves from the median."""

Floats: TypeAlias = NDArray[np.float64]


def place_on_surfaces(
    corners: Floats, points: Floats, targets: Floats, linear: Floats, cell: float
) -> tuple[Floats, Floats]:
    """Place corners of cells by the linear maps around points with known targets.

    Args:
        corners: Corners of the cells, shape (n, 4, 2).
        points: Points, shape (m, 2).
        targets: Targets of the points, shape (m, 2).
        linear: Linear map around each point, shape (m, 2, 2).
        cell: Width of a cell.

    Returns:
        The placed corners, and the distance from each cell's centre to the point that placed it.
    """
    surfaces = np.zeros((len(points), 6, 2))
    surfaces[:, 1:3] = OFFSET_UNIT * linear.transpose(0, 2, 1)
    return _choose_surfaces(corners, points, targets, surfaces, np.zeros(len(points)), cell)


def place_on_fitted_surfaces(
    corners: Floats, points: Floats, targets: Floats, cell: float
) -> tuple[Floats, Floats] | None:
    """Place corners by planes or curved surfaces around points.

    A surface is used if most neighbours of its point follow it to their targets.

    Returns:
        As :func:`place_on_surfaces`; ``None`` if too few points have a surface.
    """
    surfaces, follower_counts, errors = _fit_surfaces(points, targets)
    is_supported = follower_counts >= MIN_SUPPORT
    if is_supported.sum() < MIN_POINTS:
        return None
    score = follower_counts[is_supported] - errors[is_supported].clip(0, 3)
    return _choose_surfaces(corners, points[is_supported], targets[is_supported], surfaces[is_supported], score, cell)


def compute_nudges(corners: Floats, points: Floats, residuals: Floats) -> Floats:
    """Interpolate the remaining displacements of corners, shape (n, 4, 2), from those of points, shape (m, 2).

    Smoothing the residuals of a smooth surface recovers what the first smoothing removed (J. W. Tukey's "twicing",
    1977).
    """
    centres = corners.mean(axis=1)
    nearest_rows, distances = _find_nearest_points(centres, points, NUDGE_NEIGHBOUR_COUNT)
    moves = residuals[nearest_rows]
    scales = np.maximum(np.median(distances, axis=1, keepdims=True), 1)
    is_agreeing = np.linalg.norm(moves - np.median(moves, axis=1, keepdims=True), axis=2) < NUDGE_TOLERANCE
    weights = np.exp(-np.square(distances / scales) / 2) * is_agreeing + 1e-9
    offsets = (points[nearest_rows] - centres[:, None]) / OFFSET_UNIT
    basis = np.concatenate([np.ones((*distances.shape, 1)), offsets], axis=2)
    plane = _solve(basis, moves, weights, np.diag([1e-6, 0.05, 0.05]))
    return np.asarray(plane[:, None, 0] + (corners - centres[:, None]) / OFFSET_UNIT @ plane[:, 1:])


def find_nearest_rows(points: Floats, count: int) -> NDArray[np.intp]:
    """Return row numbers of each point's nearest other points, nearest first, shape (n, count)."""
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest_rows = np.argpartition(distances, count - 1, axis=1)[:, :count]
    return np.take_along_axis(nearest_rows, np.take_along_axis(distances, nearest_rows, axis=1).argsort(axis=1), axis=1)


def _choose_surfaces(
    corners: Floats, points: Floats, targets: Floats, surfaces: Floats, score: Floats, cell: float
) -> tuple[Floats, Floats]:
    """Choose the best surface near each cell, averaged with those that agree with it."""
    nearest_rows, distances = _find_nearest_points(corners.mean(axis=1), points, MAX_CHOICES)
    excess_distances = np.maximum(0, distances / cell - 0.5)
    positions = (
        targets[nearest_rows][:, :, None]
        + _compute_terms((corners[:, None] - points[nearest_rows][:, :, None]) / OFFSET_UNIT) @ surfaces[nearest_rows]
    )
    rows, best_choices = (
        np.arange(len(corners)),
        (score[nearest_rows] - FOLLOWERS_PER_CELL * excess_distances).argmax(axis=1),
    )
    errors = np.linalg.norm(positions - positions[rows, best_choices][:, None], axis=3).max(axis=2)
    weights = np.exp(-np.square(errors / MAX_AVERAGED_DIFFERENCE) - np.square(excess_distances)) * (
        1e-3 + score[nearest_rows].clip(0)
    )
    weights = np.where(errors <= 3 * MAX_AVERAGED_DIFFERENCE, weights, 0) + 1e-12 * (errors == 0)
    return np.einsum("nk,nkpc->npc", weights / weights.sum(axis=1, keepdims=True), positions), distances[
        rows, best_choices
    ]


def _find_nearest_points(centres: Floats, points: Floats, count: int) -> tuple[NDArray[np.intp], Floats]:
    """Return row numbers of the points nearest to each centre, and their distances."""
    distances = np.sqrt(((centres[:, None] - points[None]) ** 2).sum(axis=2))
    nearest_rows = np.argpartition(distances, min(count, len(points)) - 1, axis=1)[:, :count]
    return nearest_rows, np.take_along_axis(distances, nearest_rows, axis=1)


def _fit_surfaces(points: Floats, targets: Floats) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Fit a surface around each point.

    Returns:
        The surfaces, shape (n, 6, 2), the number of neighbours that follow each, and their errors.
    """
    nearest_rows = find_nearest_rows(points, min(CURVED_NEIGHBOURS, len(points) - 1))
    offsets, moves = (points[nearest_rows] - points[:, None]) / OFFSET_UNIT, targets[nearest_rows] - targets[:, None]
    planes, plane_followers, plane_errors, _ = _fit_terms(offsets[:, :PLANE_NEIGHBOURS], moves[:, :PLANE_NEIGHBOURS], 3)
    curved_surfaces, follower_counts, errors, all_follower_counts = _fit_terms(offsets, moves, 6)
    is_curved_better = (follower_counts > plane_followers) | (
        (follower_counts == plane_followers) & (errors < plane_errors)
    )
    is_curved_better &= all_follower_counts >= MIN_CURVED_FOLLOWERS
    surfaces = np.where(is_curved_better[:, None, None], curved_surfaces, planes)
    return (
        surfaces,
        np.where(is_curved_better, follower_counts, plane_followers),
        np.where(is_curved_better, errors, plane_errors),
    )


def _fit_terms(offsets: Floats, moves: Floats, terms: int) -> tuple[Floats, NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Fit surfaces; return them, the numbers of nearest and of all followers, and the leave-one-out errors."""
    basis, distances = _compute_terms(offsets)[..., :terms], np.linalg.norm(offsets, axis=2)
    nearer_followers = np.exp(-np.square(distances / (np.median(distances, axis=1, keepdims=True) + 1e-6)) / 2)
    stiffness = np.diag([1e-3, 1e-3, 1e-3, 0.02, 0.02, 0.02][:terms])
    pinned_basis = stiffness + np.diag([3.0, *[0.0] * (terms - 1)])
    weights, errors = nearer_followers, distances
    for tolerance in MAX_ERRORS:
        surface = _solve(basis, moves, weights, pinned_basis)
        errors = np.linalg.norm(basis @ surface - moves, axis=2)
        weights = nearer_followers * (errors < tolerance) + 1e-6 * nearer_followers
    is_following = errors < MAX_ERRORS[-1]
    all_follower_counts = is_following.sum(axis=1)
    left_out_errors = np.linalg.norm(_solve(basis, moves, weights, stiffness)[:, 0], axis=1)
    left_out_errors = np.where(
        all_follower_counts >= (MIN_PLANE_FOLLOWERS if terms == 3 else MIN_CURVED_FOLLOWERS), left_out_errors, 9.0
    )
    padded = np.zeros((len(offsets), 6, 2))
    padded[:, :terms] = surface
    return padded, is_following[:, :PLANE_NEIGHBOURS].sum(axis=1), left_out_errors, all_follower_counts


def _solve(basis: Floats, values: Floats, weights: Floats, stiffness: Floats) -> Floats:
    """Solve weighted least squares for each row; return the coefficients, shape (n, terms, 2)."""
    weighted = (basis * weights[..., None]).swapaxes(1, 2)
    return np.asarray(np.linalg.solve(weighted @ basis + stiffness, weighted @ values))


def _compute_terms(offsets: Floats) -> Floats:
    """Compute 1, x, y, x², xy, y² of points, shape (..., 2)."""
    x, y = offsets[..., 0], offsets[..., 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
