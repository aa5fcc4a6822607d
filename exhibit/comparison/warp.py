"""Warping of an image onto another by a homography, and the fractions of both that overlap. Uses NumPy only.

Coordinates: pixel ``(x, y)`` has its centre at integers, ``x`` to the right, ``y`` down, so that an image of width
``w`` covers ``-0.5 … w - 0.5``. This is OpenCV's convention; transforms measured with it need no shift.
A transform, 3×3, maps homogeneous source points ``(x, y, 1)`` to destination points, and may include mirroring.
Singular transforms raise ``InvalidRequestError``. Sizes are width and height.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from exhibit.errors import InvalidRequestError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Size = tuple[int, int]

_EPSILON = 1e-9


def warp(pixels: Pixels, transform: ArrayLike, size: Size) -> tuple[Pixels, Mask]:
    """Warp an image by inverse mapping with bilinear interpolation. Returns the warped image and its mask.

    The image is (h, w) or (h, w, channels) uint8. The destination pixel ``p`` takes its value from the source point ``q
    = transform⁻¹ p``. It is valid if ``q`` lies in front of the horizon (on the side of the source's centre) and within
    the centres of the source's border pixels, ``0 ≤ x ≤ w - 1`` and ``0 ≤ y ≤ h - 1``; there the four neighbours are
    weighted in float64 and the value is rounded half up. An invalid pixel is 0, and false in the mask.
    """
    height, width = pixels.shape[:2]
    x, y, is_in_front = _compute_source_points(transform, (width, height), size)
    mask = is_in_front & (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    out = np.zeros((size[1], size[0], *pixels.shape[2:]), np.uint8)
    out[mask] = _interpolate_bilinear(pixels, x[mask], y[mask])
    return out, mask


def compute_overlaps(transform: ArrayLike, source_size: Size, target_size: Size) -> tuple[float, float]:
    """Return the fraction of the target that the source covers, and the fraction of the source inside the target."""
    forward = _orient_transform(transform, source_size)
    inverse = np.linalg.inv(forward).astype(np.float64)
    target_fraction = (
        abs(compute_signed_area(_clip_to_target(forward, source_size, target_size)))
        / 2
        / (target_size[0] * target_size[1])
    )
    source_fraction = (
        abs(compute_signed_area(_clip_to_target(inverse, target_size, source_size)))
        / 2
        / (source_size[0] * source_size[1])
    )
    return min(1.0, target_fraction), min(1.0, source_fraction)


def compute_shared_outline(transform: ArrayLike, source_size: Size, target_size: Size) -> Floats:
    """Return the corners of the part of the target that the warped source covers, (n, 2) target pixels in order.

    n may be 0. The polygon is convex, also after the inverse transform.
    """
    return _clip_to_target(_orient_transform(transform, source_size), source_size, target_size)


def measure_rotation(transform: Floats, size: Size) -> tuple[int, bool]:
    """Return the counter-clockwise rotation of the found image in degrees (after mirroring), and True if mirrored.

    The transform, from found to registered, is measured at the middle of the found image.
    """
    weight = transform[2] @ np.array([size[0] / 2, size[1] / 2, 1])
    middle = transform @ np.array([size[0] / 2, size[1] / 2, 1]) / weight
    slopes = (transform[:2, :2] - np.outer(middle[:2], transform[2, :2])) / weight
    mirrored = bool(np.linalg.det(slopes) < 0)
    rotation = np.linalg.inv(slopes) @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    degrees = round(float(np.degrees(np.arctan2(-rotation[1, 0], rotation[0, 0]))))
    return (180 if degrees == -180 else degrees), mirrored


def _orient_transform(transform: ArrayLike, source_size: Size) -> Floats:
    """Return the normalised matrix, with a sign that makes the third coordinate of the source's centre positive."""
    matrix = np.array(transform, np.float64)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise InvalidRequestError("A transform is a 3×3 matrix of finite numbers.")
    matrix /= np.abs(matrix).max(initial=_EPSILON)
    if abs(np.linalg.det(matrix)) < 1e-18:
        raise InvalidRequestError("This transform collapses the picture.")
    width, height = source_size
    depth = matrix[2] @ np.array([(width - 1) / 2, (height - 1) / 2, 1.0])
    return np.asarray(matrix if depth >= 0 else -matrix, np.float64)


def _compute_source_points(transform: ArrayLike, source_size: Size, size: Size) -> tuple[Floats, Floats, Mask]:
    inverse = np.linalg.inv(_orient_transform(transform, source_size))
    grid_y, grid_x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float64)
    x, y, depth = (row[0] * grid_x + row[1] * grid_y + row[2] for row in inverse)
    is_in_front = depth > _EPSILON * np.abs(inverse[2]).max()
    safe_depth = np.where(is_in_front, depth, 1.0)
    return x / safe_depth, y / safe_depth, is_in_front


def _interpolate_bilinear(pixels: Pixels, x: Floats, y: Floats) -> Pixels:
    height, width = pixels.shape[:2]
    left = np.minimum(x.astype(np.int64), max(0, width - 2))
    top = np.minimum(y.astype(np.int64), max(0, height - 2))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left, y - top
    if pixels.ndim == 3:
        across, down = across[:, None], down[:, None]
    upper = pixels[top, left] * (1 - across) + pixels[top, right] * across
    lower = pixels[bottom, left] * (1 - across) + pixels[bottom, right] * across
    return np.asarray(np.floor(upper * (1 - down) + lower * down + 0.5), np.uint8)


def _clip_to_target(matrix: Floats, source_size: Size, target_size: Size) -> Floats:
    """Return the part of the target covered by the warped source (Sutherland–Hodgman, homogeneous coordinates)."""
    right, bottom = source_size[0] - 0.5, source_size[1] - 0.5
    outline = ((-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom))
    polygon = [matrix @ np.array([x, y, 1.0]) for x, y in outline]
    width, height = target_size
    horizon = _EPSILON * float(np.abs(matrix[2]).max())
    planes = (
        (np.array([0.0, 0.0, 1.0]), horizon),
        (np.array([1.0, 0.0, 0.5]), 0.0),
        (np.array([0.0, 1.0, 0.5]), 0.0),
        (np.array([-1.0, 0.0, width - 0.5]), 0.0),
        (np.array([0.0, -1.0, height - 0.5]), 0.0),
    )
    for normal, offset in planes:
        polygon = _clip(polygon, normal, offset)
    corners = polygon if len(polygon) > 2 else []
    return np.array([corner[:2] / corner[2] for corner in corners], np.float64).reshape(-1, 2)


def compute_signed_area(points: Floats) -> float:
    """Return twice the area of a polygon (shoelace formula), positive if its corners run clockwise on the screen."""
    next_points = np.roll(points, -1, axis=0)
    return float((points[:, 0] * next_points[:, 1] - points[:, 1] * next_points[:, 0]).sum())


def _clip(polygon: list[Floats], normal: Floats, offset: float) -> list[Floats]:
    """Return the part of a convex polygon where ``normal · point ≥ offset``."""
    corners = []
    for corner, next_corner in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        distance, next_distance = float(normal @ corner) - offset, float(normal @ next_corner) - offset
        if distance >= 0:
            corners.append(corner)
        if (distance >= 0) != (next_distance >= 0):
            corners.append(corner + (next_corner - corner) * (distance / (distance - next_distance)))
    return corners
