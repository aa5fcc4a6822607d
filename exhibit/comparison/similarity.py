"""Dense check: the fraction of an aligned image that agrees with the registered one. Uses NumPy and Pillow only.

This is the reference definition. Faster implementations must agree with it within 0.01. In full:

1. Grey: ``(19595 R + 38470 G + 7471 B + 32768) >> 16``, uint8 (ITU-R BT.601 luma).
2. Scale ``s = 192 / max(width, height)`` of the registered image, at most 1; its small form has
   ``max(1, floor(s · side + ½))`` pixels a side. Both images are resized by Pillow's ``BILINEAR`` resampling: a
   triangle filter whose support grows with the reduction, centred by ``(i + ½) / factor - ½``. Each side has its own
   factor.
3. The found image is resized first, by the scale that the transform has at its centre (``√|det J|`` of the Jacobian
   ``J`` there, times ``s``), at most 1; then it is warped into the small registered frame as ``warp.warp``
   defines it, with the transform between the small frames.
   If the found image is aligned in pieces, each piece is warped by its own transform, into the pixels whose centres
   lie in its box (left and top edge included); the scale of the reduction is still that of the single transform.
4. Both are blurred in float64 with a Gaussian of σ = 1, cut at ±4 pixels, divided by the equally blurred mask of valid
   pixels, so that values outside the overlap have no influence.
5. Every window of 12 × 12 pixels that are all valid (stride 1) is compared: variances ``va``, ``vb`` and covariance
   ``c`` of the two (divided by 144). It is textured if ``va > 9`` or ``vb > 9``; it agrees if both are and
   ``c / √(va · vb) > 0.6``.
6. The similarity is the number of agreeing windows divided by the number of textured ones; 0 without any.

An image may be decoded at a smaller size first, down to :func:`compute_needed_side`. With fewer pixels, the copy of a
work that fills only a small part of the image would be too blurred to compare.

If the images share only a small part, the overlap has so few windows that an unrelated image can agree in most of them
under some alignment. :func:`refine_alignment` therefore compares that part alone at the resolution of a whole image.
In addition, an edge agrees with any other edge along its whole length, so :func:`compute_crossing_agreement` compares
only windows in which gradients cross (a corner, a texture).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from exhibit.comparison.warp import Floats, Mask, Pixels, Size, warp
from exhibit.types import Piece

LONG_SIDE = 192
MAX_NEEDED_SIDE = 4096
"""Pixels of the long side. For images longer than twice their width, the limit grows in proportion."""
WINDOW = 12
MIN_VARIANCE = 9.0
MIN_CORRELATION = 0.6
MIN_EIGENVALUE_RATIO = 0.1
BEND_QUANTILE, MAX_BEND = 0.95, 0.5
"""Quantile of the differences between pixels and the mean of their neighbours, and its maximum in a gradient."""
ENLARGEMENT_QUANTILE = 0.75
"""Fraction of the visible pixels whose enlargement is at most the result of :func:`measure_enlargement`."""
_RADIUS = 4

Grey = NDArray[np.uint8]
AlignedPair = tuple[Grey, Mask, Grey]
"""An image in the frame of another, the mask of its visible part, and that other image."""
Number = TypeVar("Number", np.float64, np.complex128)


def compute_dense_similarity(
    found_pixels: Pixels, registered: Pixels, transform: ArrayLike, pieces: Sequence[Piece] = ()
) -> float:
    """Return the fraction of textured windows in the overlap that agree, 0 to 1.

    Args:
        found_pixels: Found image, (h, w, 3) uint8 RGB.
        registered: Registered image, likewise.
        transform: 3×3 homography from pixels of the found image to the registered one, mirroring included.
        pieces: Piecewise alignment, with transforms likewise.

    Raises:
        InvalidRequestError: A transform cannot be inverted.
    """
    return compute_agreement(*align_pair(found_pixels, registered, transform, pieces))[0]


def align_pair(
    found: Pixels, registered: Pixels, transform: ArrayLike, pieces: Sequence[Piece] = (), side: float = LONG_SIDE
) -> AlignedPair:
    """Return the found image in the small frame of the registered one, its mask, and the small registered image.

    Takes the arguments of :func:`compute_dense_similarity`, and the long side of the frame in pixels.
    """
    small, to_small = resize_grey(_to_grey(registered), min(1.0, side / max(registered.shape[:2])))
    matrix = np.asarray(transform, np.float64)
    reduced, to_reduced = resize_grey(_to_grey(found), min(1.0, compute_centre_scale(to_small @ matrix, found.shape)))
    size = (small.shape[1], small.shape[0])
    inverse = np.asarray(np.linalg.inv(to_reduced), np.float64)
    if pieces:
        return *_warp_pieces(reduced, pieces, to_small, inverse, size), small
    return *warp(reduced, to_small @ matrix @ inverse, size), small


def refine_alignment(
    found_pixels: Pixels, registered: Pixels, transform: ArrayLike, pieces: Sequence[Piece], mask: Mask
) -> AlignedPair:
    """Align only the part of the registered image that the mask of :func:`align_pair` covers.

    That part is cropped and treated as a separate image. Its frame is smaller than usual if more than a quarter of the
    visible part would otherwise be enlarged.
    """
    down, across = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not down.size:
        return align_pair(found_pixels, registered, transform, pieces)
    sides = [length / small for length, small in zip(registered.shape, mask.shape, strict=False)]
    top, bottom = math.floor(down[0] * sides[0]), math.ceil((down[-1] + 1) * sides[0])
    left, right = math.floor(across[0] * sides[1]), math.ceil((across[-1] + 1) * sides[1])
    part = registered[top:bottom, left:right]
    shift = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
    shifted_transform = shift @ np.asarray(transform, np.float64)
    shifted_pieces = [_shift_piece(piece, shift) for piece in pieces]
    side = max(part.shape[:2]) / max(1.0, measure_enlargement(registered.shape, mask, transform, pieces))
    return align_pair(found_pixels, part, shifted_transform, shifted_pieces, min(LONG_SIDE, side))


def _shift_piece(piece: Piece, shift: Floats) -> Piece:
    west, north, east, south = piece.box
    x, y = float(shift[0, 2]), float(shift[1, 2])
    matrix = (shift @ np.asarray(piece.transform, np.float64)).tolist()
    return replace(piece, box=(west + x, north + y, east + x, south + y), transform=matrix)


def _warp_pieces(
    grey: Grey, pieces: Sequence[Piece], to_small: Floats, inverse: Floats, size: Size
) -> tuple[Grey, Mask]:
    out, mask = np.zeros(size[::-1], np.uint8), np.zeros(size[::-1], np.bool_)
    for piece in pieces:
        left, top, right, bottom = find_pixels_within(piece.box, to_small, size)
        if right > left and bottom > top:
            shift = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
            matrix = shift @ to_small @ np.asarray(piece.transform, np.float64) @ inverse
            warped = warp(grey, matrix, (right - left, bottom - top))
            out[top:bottom, left:right], mask[top:bottom, left:right] = warped
    return out, mask


def find_pixels_within(box: Sequence[float], scaling: Floats, size: Size) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the pixels in a scaled image whose centres lie in a box of the original."""
    corners = np.array([[box[0], box[1]], [box[2], box[3]]]) * np.diag(scaling)[:2] + scaling[:2, 2]
    left, top, right, bottom = (int(edge) for edge in np.clip(np.ceil(corners), 0, size).ravel())
    return left, top, right, bottom


def _to_grey(rgb: Pixels) -> Grey:
    red, green, blue = (rgb[..., channel].astype(np.uint32) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)


def resize_grey(grey: Grey, factor: float) -> tuple[Grey, Floats]:
    """Return the resized image, and the 3×3 matrix from the original coordinates to the new ones."""
    height, width = grey.shape
    size = (max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5)))
    is_same_size = size == (width, height)
    small = grey if is_same_size else np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
    return small, build_scaling(size[0] / width, size[1] / height)


def build_scaling(across: float, down: float) -> Floats:
    """Return the 3×3 matrix that maps coordinates when each side of an image is resized by its own factor."""
    return np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2], [0.0, 0.0, 1.0]])


def compute_centre_scale(transform: Floats, shape: tuple[int, ...]) -> float:
    """Return the factor by which a transform scales lengths at the centre of an image; 1 if it is not finite."""
    depth = float(transform[2] @ np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2, 1]))
    return float(np.sqrt(abs(np.linalg.det(transform) / depth**3))) if depth else 1.0


def measure_enlargement(
    registered: tuple[int, ...], mask: Mask, transform: ArrayLike, pieces: Sequence[Piece]
) -> float:
    """Return the factor by which lengths grow from the found to the registered image in the visible part.

    The result is the 75th percentile over the pixels of the mask of :func:`align_pair`, each with the transform of its
    piece; 0 without any pixels. ``registered`` is the shape of the registered image.
    """
    size = (mask.shape[1], mask.shape[0])
    across, down = size[0] / registered[1], size[1] / registered[0]
    to_small = build_scaling(across, down)
    x, y = (np.arange(size[0]) + 0.5) / across - 0.5, (np.arange(size[1]) + 0.5) / down - 0.5
    factors = np.zeros(mask.shape)
    alignments: list[tuple[tuple[int, int, int, int], ArrayLike]] = [((0, 0, *size), transform)]
    if pieces:
        alignments = [(find_pixels_within(piece.box, to_small, size), piece.transform) for piece in pieces]
    for (left, top, right, bottom), matrix in alignments:
        inverse = np.linalg.inv(np.asarray(matrix, np.float64))
        depth = inverse[2, 0] * x[left:right] + inverse[2, 1] * y[top:bottom, None] + inverse[2, 2]
        factors[top:bottom, left:right] = np.sqrt(np.abs(depth**3 / np.linalg.det(inverse)))
    return float(np.quantile(factors[mask], ENLARGEMENT_QUANTILE)) if mask.any() else 0.0


def compute_needed_side(found_size: Size, registered: tuple[float, float], transform: ArrayLike) -> int:
    """Return the long side in pixels at which the found image needs no enlargement in step 3, up to a limit.

    Sizes are full width and height. Raises ``ValueError`` or ``ArithmeticError`` for invalid transforms.
    """
    short, long = sorted(found_size)
    scale = min(1.0, LONG_SIDE / max(registered)) * compute_centre_scale(
        np.asarray(transform, np.float64), found_size[::-1]
    )
    return min(math.ceil(long * min(1.0, scale)), round(MAX_NEEDED_SIDE * max(1.0, long / (2 * short))))


def blur_masked(grey: Grey, mask: Mask) -> Floats:
    """Blur an image within its mask (step 4 of the definition)."""
    weights = np.exp(-0.5 * np.arange(-_RADIUS, _RADIUS + 1) ** 2)
    weights /= weights.sum()
    valid = mask.astype(np.float64)
    return _smooth(grey * valid, weights) / np.maximum(_smooth(valid, weights), 1e-9)


def _smooth(values: Floats, weights: Floats) -> Floats:
    """Convolve rows, then columns; zero outside."""
    padded = np.pad(values, _RADIUS)
    height, width = values.shape
    rows = np.zeros((height + 2 * _RADIUS, width))
    for offset, weight in enumerate(weights):
        rows += weight * padded[:, offset : offset + width]
    out = np.zeros((height, width))
    for offset, weight in enumerate(weights):
        out += weight * rows[offset : offset + height]
    return out


def compute_agreement(warped: Grey, mask: Mask, registered: Grey) -> tuple[float, int]:
    """Return the similarity of a result of :func:`align_pair`, and the number of textured windows."""
    textured, agree = match_windows(blur_masked(warped, mask), blur_masked(registered, mask), mask)
    count = int(textured.sum())
    return (float(int(agree.sum()) / count) if count else 0.0), count


def compute_crossing_agreement(warped: Grey, mask: Mask, registered: Grey) -> tuple[float, int]:
    """Return the similarity in windows in which gradients cross, and the number of these windows that agree.

    The similarity is a fraction of the textured windows in which gradients cross in either image. A window agrees if
    its pixels agree and gradients cross in both images.
    """
    pictures = blur_masked(warped, mask), blur_masked(registered, mask)
    textured, agree = match_windows(*pictures, mask)
    if not textured.size:
        return 0.0, 0
    inner = sum_windows(np.pad(mask.astype(np.float64), 1), 3) > 8.5
    first, second = (_find_crossing_gradients(picture, inner) for picture in pictures)
    count, total = int((agree & first & second).sum()), int((textured & (first | second)).sum())
    return (count / total if total else 0.0), count


def _find_crossing_gradients(picture: Floats, inner: Mask) -> Mask:
    """Return the windows in which the smaller eigenvalue of the structure tensor exceeds a tenth of the larger one."""
    down, across = (gradient * inner for gradient in np.gradient(picture))
    xx, xy, yy = (sum_windows(product) for product in (across * across, across * down, down * down))
    larger = (xx + yy + np.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2
    return np.asarray(xx + yy - larger > MIN_EIGENVALUE_RATIO * np.maximum(larger, 1e-9))


def is_gradient(aligned: AlignedPair) -> bool:
    """Return True if the shared part is little more than a brightness gradient. Many unrelated images share one."""
    _, mask, registered = aligned
    grey = blur_masked(registered, np.ones(registered.shape, np.bool_))
    bends = np.abs(grey[2:, 1:-1] + grey[:-2, 1:-1] + grey[1:-1, 2:] + grey[1:-1, :-2] - 4 * grey[1:-1, 1:-1])
    inside = bends[mask[1:-1, 1:-1]]
    return not inside.size or float(np.quantile(inside, BEND_QUANTILE)) < MAX_BEND


def match_windows(first: Floats, second: Floats, mask: Mask) -> tuple[Mask, Mask]:
    """Return masks of the textured windows of two blurred images and of those that agree, (h - 11, w - 11) each."""
    is_complete = sum_windows(mask.astype(np.float64)) > WINDOW**2 - 0.5
    mean_a, mean_b = _compute_window_means(first), _compute_window_means(second)
    variance_a = _compute_window_means(first * first) - mean_a**2
    variance_b = _compute_window_means(second * second) - mean_b**2
    covariance = _compute_window_means(first * second) - mean_a * mean_b
    textured_a, textured_b = variance_a > MIN_VARIANCE, variance_b > MIN_VARIANCE
    both_textured = is_complete & textured_a & textured_b
    correlated = covariance > MIN_CORRELATION * np.sqrt(np.maximum(variance_a * variance_b, 1e-9))
    return is_complete & (textured_a | textured_b), both_textured & correlated


def _compute_window_means(values: Floats) -> Floats:
    return np.asarray(sum_windows(values) / WINDOW**2, np.float64)


def sum_windows(values: NDArray[Number], side: int = WINDOW) -> NDArray[Number]:
    """Return the sums over all windows, by a summed-area table: shape (h - 11, w - 11) for 12 pixels."""
    table = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    right = table[:, side:] - table[:, :-side]
    return np.asarray(right[side:] - right[:-side])
