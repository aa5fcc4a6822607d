"""Dense check: the share of an image that really shows the registered one after alignment. NumPy and Pillow only.

This is the reference definition. Faster implementations must agree with it within 0.01. In full:

1. Grey: ``(19595 R + 38470 G + 7471 B + 32768) >> 16``, uint8 (ITU-R BT.601 luma).
2. Scale ``s = 192 / max(width, height)`` of the registered image, at most 1; its small form has
   ``max(1, floor(s · side + ½))`` pixels a side. Both images are resized by Pillow's ``BILINEAR`` resampling: a
   triangle filter whose support grows with the reduction, centred by ``(i + ½) / factor - ½``, so each side has a
   factor of its own.
3. The found image is resized first, by the scale that the transform has at its centre (``√|det J|`` of the Jacobian
   ``J`` there, times ``s``), at most 1; then it is warped into the small registered frame as ``warp.warp``
   defines it, with the transform between the small frames.
   If the found image is aligned in pieces, each piece is warped by its own transform, into the pixels whose centres
   lie in its box (left and top edge included), and nothing elsewhere; the scale of the reduction is still that of
   the single transform.
4. Both are blurred in float64 with a Gaussian of σ = 1, cut at ±4 pixels, divided by the equally blurred mask of valid
   pixels, so that values outside the overlap have no influence.
5. Every window of 12 × 12 pixels that are all valid (stride 1) is compared: variances ``va``, ``vb`` and covariance
   ``c`` of the two (divided by 144). It is textured if ``va > 9`` or ``vb > 9``; it agrees if both are and
   ``c / √(va · vb) > 0.6``.
6. The similarity is the number of agreeing windows divided by the number of textured ones; 0 without any.

An image may be decoded at a smaller size first, down to :func:`needed_side`. With fewer pixels, a work that is small
in it would be compared blurred.

If little of the registered image is shared, it contains so few windows that an alignment can be found by which any
other image agrees in most of them. :func:`refine_alignment` examines that part alone, with as many pixels as a whole
image is compared with. Also, an edge agrees with any other edge along its whole length, so
:func:`crossing_agreement` examines only windows in which gradients cross (a corner, a texture).
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
MOST_NEEDED = 4096
"""Pixels of the long side. For images longer than twice their width, the limit grows in proportion."""
WINDOW = 12
MIN_VARIANCE = 9.0
MIN_CORRELATION = 0.6
CROSSING = 0.1
MOST, SLOPE = 0.95, 0.5
"""Share of the pixels of a brightness gradient whose level is that close to the mean of their neighbours."""
ENLARGED = 0.75
"""Share of the visible pixels whose enlargement is at most the result of :func:`enlargement`."""
_RADIUS = 4

Grey = NDArray[np.uint8]
AlignedPair = tuple[Grey, Mask, Grey]
"""An image in the frame of another, the mask of its visible part, and that other image."""
Number = TypeVar("Number", np.float64, np.complex128)


def dense_similarity(
    found_pixels: Pixels, registered: Pixels, transform: ArrayLike, pieces: Sequence[Piece] = ()
) -> float:
    """Return the share of textured windows in the overlap that agree, 0 to 1.

    Args:
        found_pixels: Found image, (h, w, 3) uint8 RGB.
        registered: Registered image, likewise.
        transform: 3×3 homography from pixels of the found image to the registered one, mirroring included.
        pieces: Piecewise alignment, with transforms likewise.

    Raises:
        WrongUseError: A transform cannot be inverted.
    """
    return agreement(*align_pair(found_pixels, registered, transform, pieces))[0]


def align_pair(
    found: Pixels, registered: Pixels, transform: ArrayLike, pieces: Sequence[Piece] = (), side: float = LONG_SIDE
) -> AlignedPair:
    """Return the found image in the small frame of the registered one, its mask, and the small registered image.

    The arguments are those of :func:`dense_similarity`, and the long side of the frame in pixels.
    """
    small, to_small = resized(_grey(registered), min(1.0, side / max(registered.shape[:2])))
    matrix = np.asarray(transform, np.float64)
    reduced, to_reduced = resized(_grey(found), min(1.0, scale_at_centre(to_small @ matrix, found.shape)))
    size = (small.shape[1], small.shape[0])
    back = np.asarray(np.linalg.inv(to_reduced), np.float64)
    if pieces:
        return *_in_pieces(reduced, pieces, to_small, back, size), small
    return *warp(reduced, to_small @ matrix @ back, size), small


def refine_alignment(
    found_pixels: Pixels, registered: Pixels, transform: ArrayLike, pieces: Sequence[Piece], mask: Mask
) -> AlignedPair:
    """Like :func:`align_pair`, for only the part of the registered image that the mask of :func:`align_pair` covers.

    That part is cropped and treated as an image of its own. Its frame is smaller than usual if more than a quarter of
    the visible part would be enlarged in it.
    """
    down, across = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not down.size:
        return align_pair(found_pixels, registered, transform, pieces)
    sides = [length / small for length, small in zip(registered.shape, mask.shape, strict=False)]
    top, bottom = math.floor(down[0] * sides[0]), math.ceil((down[-1] + 1) * sides[0])
    left, right = math.floor(across[0] * sides[1]), math.ceil((across[-1] + 1) * sides[1])
    part = registered[top:bottom, left:right]
    shift = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
    moved = shift @ np.asarray(transform, np.float64)
    cut = [_moved(piece, shift) for piece in pieces]
    side = max(part.shape[:2]) / max(1.0, enlargement(registered.shape, mask, transform, pieces))
    return align_pair(found_pixels, part, moved, cut, min(LONG_SIDE, side))


def _moved(piece: Piece, shift: Floats) -> Piece:
    west, north, east, south = piece.box
    x, y = float(shift[0, 2]), float(shift[1, 2])
    matrix = (shift @ np.asarray(piece.transform, np.float64)).tolist()
    return replace(piece, box=(west + x, north + y, east + x, south + y), transform=matrix)


def _in_pieces(grey: Grey, pieces: Sequence[Piece], to_small: Floats, back: Floats, size: Size) -> tuple[Grey, Mask]:
    out, mask = np.zeros(size[::-1], np.uint8), np.zeros(size[::-1], np.bool_)
    for piece in pieces:
        left, top, right, bottom = pixels_within(piece.box, to_small, size)
        if right > left and bottom > top:
            shift = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]])
            between = shift @ to_small @ np.asarray(piece.transform, np.float64) @ back
            warped = warp(grey, between, (right - left, bottom - top))
            out[top:bottom, left:right], mask[top:bottom, left:right] = warped
    return out, mask


def pixels_within(box: Sequence[float], scaling: Floats, size: Size) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the pixels in a scaled image whose centres lie in a box of the original."""
    corners = np.array([[box[0], box[1]], [box[2], box[3]]]) * np.diag(scaling)[:2] + scaling[:2, 2]
    left, top, right, bottom = (int(edge) for edge in np.clip(np.ceil(corners), 0, size).ravel())
    return left, top, right, bottom


def _grey(rgb: Pixels) -> Grey:
    red, green, blue = (rgb[..., channel].astype(np.uint32) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)


def resized(grey: Grey, factor: float) -> tuple[Grey, Floats]:
    """Return the resized image, and the 3×3 matrix from the original coordinates to the new ones."""
    height, width = grey.shape
    size = (max(1, int(width * factor + 0.5)), max(1, int(height * factor + 0.5)))
    is_so = size == (width, height)
    small = grey if is_so else np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
    return small, scaling_of(size[0] / width, size[1] / height)


def scaling_of(across: float, down: float) -> Floats:
    """Return the 3×3 matrix that maps coordinates when each side of an image is resized by its own factor."""
    return np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2], [0.0, 0.0, 1.0]])


def scale_at_centre(transform: Floats, shape: tuple[int, ...]) -> float:
    """Return the factor by which lengths grow at the centre of an image of this shape; 1 if it is not finite."""
    depth = float(transform[2] @ np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2, 1]))
    return float(np.sqrt(abs(np.linalg.det(transform) / depth**3))) if depth else 1.0


def enlargement(registered: tuple[int, ...], mask: Mask, transform: ArrayLike, pieces: Sequence[Piece]) -> float:
    """Return the factor by which lengths grow from the found to the registered image in the visible part.

    It is the 75th percentile over the pixels of the mask of :func:`align_pair`, each with the transform of its piece; 0
    without any pixels. ``registered`` is the shape of the registered image.
    """
    size = (mask.shape[1], mask.shape[0])
    across, down = size[0] / registered[1], size[1] / registered[0]
    to_small = scaling_of(across, down)
    x, y = (np.arange(size[0]) + 0.5) / across - 0.5, (np.arange(size[1]) + 0.5) / down - 0.5
    grown = np.zeros(mask.shape)
    alignments: list[tuple[tuple[int, int, int, int], ArrayLike]] = [((0, 0, *size), transform)]
    if pieces:
        alignments = [(pixels_within(piece.box, to_small, size), piece.transform) for piece in pieces]
    for (left, top, right, bottom), matrix in alignments:
        back = np.linalg.inv(np.asarray(matrix, np.float64))
        depth = back[2, 0] * x[left:right] + back[2, 1] * y[top:bottom, None] + back[2, 2]
        grown[top:bottom, left:right] = np.sqrt(np.abs(depth**3 / np.linalg.det(back)))
    return float(np.quantile(grown[mask], ENLARGED)) if mask.any() else 0.0


def needed_side(found_size: Size, registered: tuple[float, float], transform: ArrayLike) -> int:
    """Return the long side in pixels at which the found image needs no enlargement in step 3, up to a limit.

    Sizes are full width and height. Raises ``ValueError`` or ``ArithmeticError`` for invalid transforms.
    """
    short, long = sorted(found_size)
    scale = min(1.0, LONG_SIDE / max(registered)) * scale_at_centre(np.asarray(transform, np.float64), found_size[::-1])
    return min(math.ceil(long * min(1.0, scale)), round(MOST_NEEDED * max(1.0, long / (2 * short))))


def blurred(grey: Grey, mask: Mask) -> Floats:
    """Blur an image as in step 4."""
    weights = np.exp(-0.5 * np.arange(-_RADIUS, _RADIUS + 1) ** 2)
    weights /= weights.sum()
    valid = mask.astype(np.float64)
    return _smooth(grey * valid, weights) / np.maximum(_smooth(valid, weights), 1e-9)


def _smooth(values: Floats, weights: Floats) -> Floats:
    """Convolve rows, then columns; zero outside."""
    padded = np.pad(values, _RADIUS)
    height, width = values.shape
    rows = np.zeros((height + 2 * _RADIUS, width))
    for place, weight in enumerate(weights):
        rows += weight * padded[:, place : place + width]
    out = np.zeros((height, width))
    for place, weight in enumerate(weights):
        out += weight * rows[place : place + height]
    return out


def agreement(warped: Grey, mask: Mask, small: Grey) -> tuple[float, int]:
    """Return the similarity of a result of :func:`align_pair`, and the number of textured windows."""
    textured, agree = windows(blurred(warped, mask), blurred(small, mask), mask)
    count = int(textured.sum())
    return (float(int(agree.sum()) / count) if count else 0.0), count


def crossing_agreement(warped: Grey, mask: Mask, small: Grey) -> tuple[float, int]:
    """Like :func:`agreement`, for windows in which gradients cross; also returns how many of these agree.

    The share is of the textured windows in which gradients cross in either image. Windows count as agreeing if they
    agree and gradients cross in both images.
    """
    pictures = blurred(warped, mask), blurred(small, mask)
    textured, agree = windows(*pictures, mask)
    if not textured.size:
        return 0.0, 0
    inner = window_sums(np.pad(mask.astype(np.float64), 1), 3) > 8.5
    first, second = (_gradients_cross(picture, inner) for picture in pictures)
    count, among = int((agree & first & second).sum()), int((textured & (first | second)).sum())
    return (count / among if among else 0.0), count


def _gradients_cross(picture: Floats, inner: Mask) -> Mask:
    """Return the windows in which the smaller eigenvalue of the structure tensor exceeds a tenth of the larger one."""
    down, across = (gradient * inner for gradient in np.gradient(picture))
    xx, xy, yy = (window_sums(product) for product in (across * across, across * down, down * down))
    larger = (xx + yy + np.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2
    return np.asarray(xx + yy - larger > CROSSING * np.maximum(larger, 1e-9))


def is_sloping(aligned: AlignedPair) -> bool:
    """Return True if the shared part is little more than a brightness gradient, which many images have in common."""
    _, mask, small = aligned
    grey = blurred(small, np.ones(small.shape, np.bool_))
    bends = np.abs(grey[2:, 1:-1] + grey[:-2, 1:-1] + grey[1:-1, 2:] + grey[1:-1, :-2] - 4 * grey[1:-1, 1:-1])
    inside = bends[mask[1:-1, 1:-1]]
    return not inside.size or float(np.quantile(inside, MOST)) < SLOPE


def windows(first: Floats, second: Floats, mask: Mask) -> tuple[Mask, Mask]:
    """Return masks of the textured windows of two blurred images and of those that agree, (h - 11, w - 11) each."""
    whole = window_sums(mask.astype(np.float64)) > WINDOW**2 - 0.5
    mean_a, mean_b = _window_means(first), _window_means(second)
    variance_a = _window_means(first * first) - mean_a**2
    variance_b = _window_means(second * second) - mean_b**2
    covariance = _window_means(first * second) - mean_a * mean_b
    textured_a, textured_b = variance_a > MIN_VARIANCE, variance_b > MIN_VARIANCE
    both = whole & textured_a & textured_b
    correlated = covariance > MIN_CORRELATION * np.sqrt(np.maximum(variance_a * variance_b, 1e-9))
    return whole & (textured_a | textured_b), both & correlated


def _window_means(values: Floats) -> Floats:
    return np.asarray(window_sums(values) / WINDOW**2, np.float64)


def window_sums(values: NDArray[Number], side: int = WINDOW) -> NDArray[Number]:
    """Return the sums over all windows, by a summed-area table: shape (h - 11, w - 11) for 12 pixels."""
    table = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    right = table[:, side:] - table[:, :-side]
    return np.asarray(right[side:] - right[:-side])
