"""Changes made to a picture when it was copied, derived from the transform. Contains no text for users."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

POINTS_ALONG = 100
"""Number of points along each side of the registered picture that are mapped to the found one."""
MIN_MISSING_FRACTION = 0.02
"""Fraction of a side that may be missing without being reported."""
MIN_MARGIN_RATIO = 3.0
"""Minimum ratio of the opposite margin to the nearer one for reporting that a part is at a side."""
STRETCH_TOLERANCE = 0.03
"""Maximum relative difference in scale between width and height that is not reported."""
PERSPECTIVE_TOLERANCE = 0.05
"""Maximum relative variation of the scale across the shown part that is not reported."""
SIZE_TOLERANCE = 0.01

Floats = NDArray[np.float64]


class PartPosition(StrEnum):
    """Position of the shown part along one side of the registered picture."""

    WHOLE = "whole"
    FIRST = "first"
    MIDDLE = "middle"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Change:
    """Changes to a registered picture in a found one: visible part, orientation, scale and distortion."""

    fraction: float  # fraction of the registered picture's area that is shown, 0 to 1
    horizontal_position: PartPosition  # position of that part from left to right
    vertical_position: PartPosition  # position from top to bottom
    is_mirrored: bool  # whether it is mirrored left to right, before rotation
    rotation: int  # degrees, counter-clockwise as seen
    scale: float  # pixels of the found picture per pixel of the registered one
    stretch: float  # scale of the width divided by that of the height; 1 if equal
    has_perspective: bool  # whether the scale differs across the shown part


def derive_change(transform: ArrayLike, found_size: tuple[int, int], registered_size: tuple[int, int]) -> Change | None:
    """Derive the changes from a transform, 3×3, found to registered original pixels; ``None`` without overlap."""
    matrix = np.asarray(transform, np.float64)
    depth = matrix[2] @ [(found_size[0] - 1) / 2, (found_size[1] - 1) / 2, 1.0]
    inverse = np.linalg.inv(matrix).astype(np.float64) * (-1.0 if depth < 0 else 1.0)  # the sign is arbitrary
    across, down = ((np.arange(POINTS_ALONG) + 0.5) * side / POINTS_ALONG - 0.5 for side in registered_size)
    points = np.stack([*np.meshgrid(across, down), np.ones((POINTS_ALONG, POINTS_ALONG))], axis=-1)
    mapped = points @ inverse.T
    positions = mapped[..., :2] / np.where(mapped[..., 2:] == 0, 1e-12, mapped[..., 2:])
    is_inside = (
        (mapped[..., 2] > 0) & (positions >= -0.5).all(axis=-1) & (positions <= np.array(found_size) - 0.5).all(axis=-1)
    )
    if not is_inside.any():
        return None
    rows, columns = np.nonzero(is_inside)
    slopes = _compute_jacobian(inverse, np.array([across[columns].mean(), down[rows].mean()]))
    mirrored = bool(np.linalg.det(slopes) < 0)
    rotated = slopes @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    degrees = round(float(np.degrees(np.arctan2(rotated[0, 1] - rotated[1, 0], rotated[0, 0] + rotated[1, 1]))))
    width_scale, height_scale = (float(length) for length in np.linalg.norm(slopes, axis=0))
    scales = [_compute_scale(inverse, across[column], down[row]) for row, column in _find_extreme_points(rows, columns)]
    return Change(
        fraction=float(is_inside.mean()),
        horizontal_position=_classify_position(columns),
        vertical_position=_classify_position(rows),
        is_mirrored=mirrored,
        rotation=180 if degrees == -180 else degrees,
        scale=float(np.sqrt(abs(np.linalg.det(slopes)))),
        stretch=width_scale / height_scale,
        has_perspective=max(scales) / min(scales) > 1 + PERSPECTIVE_TOLERANCE,
    )


def _compute_jacobian(matrix: Floats, point: Floats) -> Floats:
    """Return the Jacobian at a point."""
    weight = float(matrix[2, :2] @ point + matrix[2, 2])
    moved = (matrix[:2, :2] @ point + matrix[:2, 2]) / weight
    return np.asarray((matrix[:2, :2] - np.outer(moved, matrix[2, :2])) / weight)


def _compute_scale(matrix: Floats, x: float, y: float) -> float:
    return float(np.sqrt(abs(np.linalg.det(_compute_jacobian(matrix, np.array([x, y]))))))


def _find_extreme_points(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return the points nearest to the four corners."""
    diagonals = (rows + columns, rows - columns, columns - rows, -rows - columns)
    return [(int(rows[diagonal.argmin()]), int(columns[diagonal.argmin()])) for diagonal in diagonals]


def _classify_position(numbers: NDArray[np.intp]) -> PartPosition:
    margin_before, margin_after = numbers.min() / POINTS_ALONG, 1 - (numbers.max() + 1) / POINTS_ALONG
    if max(margin_before, margin_after) <= MIN_MISSING_FRACTION:
        return PartPosition.WHOLE
    if margin_before * MIN_MARGIN_RATIO < margin_after:
        return PartPosition.FIRST
    return PartPosition.LAST if margin_after * MIN_MARGIN_RATIO < margin_before else PartPosition.MIDDLE
