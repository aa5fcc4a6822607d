"""Changes made to a picture when it was copied, derived from the transform, independent of language."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

POINTS_ALONG = 100
"""Points along each side of the registered picture that are mapped to the found one."""
MIN_MISSING_SHARE = 0.02
"""Share of a side that may be missing without being reported."""
NEARER = 3.0
"""A part is reported at a side if the opposite margin is this many times wider."""
STRETCH = 0.03
"""Difference in scale between width and height that is not reported."""
PERSPECTIVE = 0.05
"""Variation of the scale across the shown part that is not reported."""
SAME_SIZE = 0.01

Floats = NDArray[np.float64]


class Place(StrEnum):
    """Position of the shown part along one side of the registered picture."""

    WHOLE = "whole"
    FIRST = "first"
    MIDDLE = "middle"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Change:
    """Appearance of a registered picture in a found one."""

    share: float  # share of the registered picture's area that is shown, 0 to 1
    across: Place  # position of that part from left to right
    down: Place  # position from top to bottom
    mirrored: bool  # whether it is mirrored left to right, before rotation
    rotation: int  # degrees, counter-clockwise as seen
    scale: float  # pixels of the found picture per pixel of the registered one
    stretch: float  # scale of the width divided by that of the height; 1 if equal
    perspective: bool  # whether the scale differs across the shown part


def derive_change(transform: ArrayLike, found_size: tuple[int, int], registered_size: tuple[int, int]) -> Change | None:
    """Return the changes by a transform, 3×3 from found to registered original pixels; ``None`` without overlap."""
    matrix = np.asarray(transform, np.float64)
    depth = matrix[2] @ [(found_size[0] - 1) / 2, (found_size[1] - 1) / 2, 1.0]
    inverse = np.linalg.inv(matrix).astype(np.float64) * (-1.0 if depth < 0 else 1.0)  # either sign is equivalent
    across, down = ((np.arange(POINTS_ALONG) + 0.5) * side / POINTS_ALONG - 0.5 for side in registered_size)
    points = np.stack([*np.meshgrid(across, down), np.ones((POINTS_ALONG, POINTS_ALONG))], axis=-1)
    mapped = points @ inverse.T
    places = mapped[..., :2] / np.where(mapped[..., 2:] == 0, 1e-12, mapped[..., 2:])
    is_inside = (
        (mapped[..., 2] > 0) & (places >= -0.5).all(axis=-1) & (places <= np.array(found_size) - 0.5).all(axis=-1)
    )
    if not is_inside.any():
        return None
    rows, columns = np.nonzero(is_inside)
    slopes = _jacobian(inverse, np.array([across[columns].mean(), down[rows].mean()]))
    mirrored = bool(np.linalg.det(slopes) < 0)
    rotated = slopes @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    degrees = round(float(np.degrees(np.arctan2(rotated[0, 1] - rotated[1, 0], rotated[0, 0] + rotated[1, 1]))))
    wide, high = (float(length) for length in np.linalg.norm(slopes, axis=0))
    scales = [_scale(inverse, across[column], down[row]) for row, column in _find_extreme_points(rows, columns)]
    return Change(
        share=float(is_inside.mean()),
        across=_classify_place(columns),
        down=_classify_place(rows),
        mirrored=mirrored,
        rotation=180 if degrees == -180 else degrees,
        scale=float(np.sqrt(abs(np.linalg.det(slopes)))),
        stretch=wide / high,
        perspective=max(scales) / min(scales) > 1 + PERSPECTIVE,
    )


def _jacobian(matrix: Floats, point: Floats) -> Floats:
    """Return the Jacobian at a point."""
    weight = float(matrix[2, :2] @ point + matrix[2, 2])
    moved = (matrix[:2, :2] @ point + matrix[:2, 2]) / weight
    return np.asarray((matrix[:2, :2] - np.outer(moved, matrix[2, :2])) / weight)


def _scale(matrix: Floats, x: float, y: float) -> float:
    return float(np.sqrt(abs(np.linalg.det(_jacobian(matrix, np.array([x, y]))))))


def _find_extreme_points(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return the points nearest to the four corners."""
    ways = (rows + columns, rows - columns, columns - rows, -rows - columns)
    return [(int(rows[way.argmin()]), int(columns[way.argmin()])) for way in ways]


def _classify_place(numbers: NDArray[np.intp]) -> Place:
    before, behind = numbers.min() / POINTS_ALONG, 1 - (numbers.max() + 1) / POINTS_ALONG
    if max(before, behind) <= MIN_MISSING_SHARE:
        return Place.WHOLE
    if before * NEARER < behind:
        return Place.FIRST
    return Place.LAST if behind * NEARER < before else Place.MIDDLE
