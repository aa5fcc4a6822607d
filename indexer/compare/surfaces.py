"""Surfaces through scattered points, which place the corners of cells."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

NEAR, FAR = 10, 20
"""Neighbours for fitting a plane, and for a curved surface."""
FOLLOWING, FOLLOWING_CURVED = 5, 9
"""Minimum neighbours that follow such a surface."""
MAX_ERRORS = (4.0, 2.0, 1.0, 1.0)
"""Maximum error of a neighbour in pixels, for each iteration."""
SUPPORT = 4
"""Nearest neighbours that must follow a surface for it to be used."""
MIN_PLACES = 12
UNIT = 40.0
"""Pixels by which offsets are divided, to keep squares small."""
MAX_CHOICES = 6
"""Number of surfaces that a cell chooses from."""
FARTHER = 2.5
"""Additional neighbours that must follow a surface, per cell of distance."""
AVERAGED = 0.7
"""Maximum difference in pixels of surfaces that are averaged."""
NUDGE_NEIGHBOURS, NUDGE_SLACK = 8, 1.0
"""Nearest points that move a cell, and their maximum distance in pixels from the median of their moves."""

Floats: TypeAlias = NDArray[np.float64]


def place_on_surfaces(
    corners: Floats, places: Floats, targets: Floats, linear: Floats, cell: float
) -> tuple[Floats, Floats]:
    """Place corners of cells, shape (n, 4, 2), by linear maps, (m, 2, 2), around points, (m, 2), with known targets.

    Args:
        corners: Corners of the cells.
        places: Points.
        targets: Targets of the points.
        linear: Linear map around each point.
        cell: Width of a cell.

    Returns:
        The placed corners, and the distance from each cell's centre to the point that decided.
    """
    surfaces = np.zeros((len(places), 6, 2))
    surfaces[:, 1:3] = UNIT * linear.transpose(0, 2, 1)
    return _choose_surfaces(corners, places, targets, surfaces, np.zeros(len(places)), cell)


def place_on_fitted_surfaces(
    corners: Floats, places: Floats, targets: Floats, cell: float
) -> tuple[Floats, Floats] | None:
    """Place corners by a plane or curved surface around each point that most of its neighbours follow to their targets.

    ``None`` if too few points have one.
    """
    surfaces, follow, errors = _fit_surfaces(places, targets)
    is_supported = follow >= SUPPORT
    if is_supported.sum() < MIN_PLACES:
        return None
    score = follow[is_supported] - errors[is_supported].clip(0, 3)
    return _choose_surfaces(corners, places[is_supported], targets[is_supported], surfaces[is_supported], score, cell)


def compute_nudges(corners: Floats, places: Floats, remaining: Floats) -> Floats:
    """Return the remaining displacements of corners, shape (n, 4, 2), from those of points, (m, 2).

    Smoothing the residuals of a smooth surface recovers what the first smoothing removed (J. W. Tukey's "twicing",
    1977).
    """
    centres = corners.mean(axis=1)
    near, distances = _find_nearest_points(centres, places, NUDGE_NEIGHBOURS)
    moves = remaining[near]
    wide = np.maximum(np.median(distances, axis=1, keepdims=True), 1)
    agrees = np.linalg.norm(moves - np.median(moves, axis=1, keepdims=True), axis=2) < NUDGE_SLACK
    weights = np.exp(-np.square(distances / wide) / 2) * agrees + 1e-9
    offsets = (places[near] - centres[:, None]) / UNIT
    basis = np.concatenate([np.ones((*distances.shape, 1)), offsets], axis=2)
    plane = _solve(basis, moves, weights, np.diag([1e-6, 0.05, 0.05]))
    return np.asarray(plane[:, None, 0] + (corners - centres[:, None]) / UNIT @ plane[:, 1:])


def find_nearest_rows(points: Floats, count: int) -> NDArray[np.intp]:
    """Return row numbers of each point's nearest other points, nearest first, shape (n, count)."""
    distances = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    near = np.argpartition(distances, count - 1, axis=1)[:, :count]
    return np.take_along_axis(near, np.take_along_axis(distances, near, axis=1).argsort(axis=1), axis=1)


def _choose_surfaces(
    corners: Floats, places: Floats, targets: Floats, surfaces: Floats, score: Floats, cell: float
) -> tuple[Floats, Floats]:
    """Return the best surface near each cell, averaged with those that agree."""
    near, distances = _find_nearest_points(corners.mean(axis=1), places, MAX_CHOICES)
    beyond = np.maximum(0, distances / cell - 0.5)
    positions = (
        targets[near][:, :, None]
        + _compute_terms((corners[:, None] - places[near][:, :, None]) / UNIT) @ surfaces[near]
    )
    rows, best = np.arange(len(corners)), (score[near] - FARTHER * beyond).argmax(axis=1)
    errors = np.linalg.norm(positions - positions[rows, best][:, None], axis=3).max(axis=2)
    weights = np.exp(-np.square(errors / AVERAGED) - np.square(beyond)) * (1e-3 + score[near].clip(0))
    weights = np.where(errors <= 3 * AVERAGED, weights, 0) + 1e-12 * (errors == 0)
    return np.einsum("nk,nkpc->npc", weights / weights.sum(axis=1, keepdims=True), positions), distances[rows, best]


def _find_nearest_points(centres: Floats, places: Floats, count: int) -> tuple[NDArray[np.intp], Floats]:
    """Return row numbers of the points nearest to each centre, and their distances."""
    distances = np.sqrt(((centres[:, None] - places[None]) ** 2).sum(axis=2))
    near = np.argpartition(distances, min(count, len(places)) - 1, axis=1)[:, :count]
    return near, np.take_along_axis(distances, near, axis=1)


def _fit_surfaces(places: Floats, targets: Floats) -> tuple[Floats, NDArray[np.intp], Floats]:
    """Fit a surface around each point, (n, 6, 2), with the number of neighbours that follow it, and its error."""
    near = find_nearest_rows(places, min(FAR, len(places) - 1))
    offsets, moves = (places[near] - places[:, None]) / UNIT, targets[near] - targets[:, None]
    flat, flat_follow, flat_errors, _ = _fit_terms(offsets[:, :NEAR], moves[:, :NEAR], 3)
    bent, follow, errors, all_follow = _fit_terms(offsets, moves, 6)
    better = (follow > flat_follow) | ((follow == flat_follow) & (errors < flat_errors))
    better &= all_follow >= FOLLOWING_CURVED
    surfaces = np.where(better[:, None, None], bent, flat)
    return surfaces, np.where(better, follow, flat_follow), np.where(better, errors, flat_errors)


def _fit_terms(offsets: Floats, moves: Floats, terms: int) -> tuple[Floats, NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Return surface, number of the nearest and of all neighbours that follow it, and leave-one-out error."""
    basis, distances = _compute_terms(offsets)[..., :terms], np.linalg.norm(offsets, axis=2)
    nearer = np.exp(-np.square(distances / (np.median(distances, axis=1, keepdims=True) + 1e-6)) / 2)
    stiffness = np.diag([1e-3, 1e-3, 1e-3, 0.02, 0.02, 0.02][:terms])
    pinned = stiffness + np.diag([3.0, *[0.0] * (terms - 1)])
    weights, errors = nearer, distances
    for slack in MAX_ERRORS:
        surface = _solve(basis, moves, weights, pinned)
        errors = np.linalg.norm(basis @ surface - moves, axis=2)
        weights = nearer * (errors < slack) + 1e-6 * nearer
    follow = errors < MAX_ERRORS[-1]
    all_follow = follow.sum(axis=1)
    left_out_errors = np.linalg.norm(_solve(basis, moves, weights, stiffness)[:, 0], axis=1)
    left_out_errors = np.where(all_follow >= (FOLLOWING if terms == 3 else FOLLOWING_CURVED), left_out_errors, 9.0)
    padded = np.zeros((len(offsets), 6, 2))
    padded[:, :terms] = surface
    return padded, follow[:, :NEAR].sum(axis=1), left_out_errors, all_follow


def _solve(basis: Floats, values: Floats, weights: Floats, stiffness: Floats) -> Floats:
    """Weighted least squares for each row: coefficients, shape (n, terms, 2)."""
    weighted = (basis * weights[..., None]).swapaxes(1, 2)
    return np.asarray(np.linalg.solve(weighted @ basis + stiffness, weighted @ values))


def _compute_terms(offsets: Floats) -> Floats:
    """Return 1, x, y, x², xy, y² of points, shape (..., 2)."""
    x, y = offsets[..., 0], offsets[..., 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
