"""Directions and descriptors of SIFT keypoints, from gradients on a fixed lattice around each.

Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (2004), sections 5 and 6. OpenCV reads every pixel
around a keypoint, so that large ones are expensive, and builds the pyramid again. On a lattice, as dense as the blur
allows, all keypoints cost the same and are measured together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2
from indexer.picture.keypoints import LAYERS, SIGMA, Keypoints, Pyramid

BINS = 36
DIRECTION_REACH = 4.5
"""Radius for measuring a keypoint's direction, in blurs of its level: three deviations of the weights."""
LATTICE = 6
"""Samples on each side of a keypoint, along each axis, for its direction."""
PEAK = 0.8
"""Share of the first direction from which a second one counts."""
CELLS, ANGLES = 4, 8
"""Cells of a descriptor along each axis, and directions per cell."""
CELL_WIDTH = 3.0
"""Width of a cell, in blurs of the keypoint's level."""
SAMPLES = 3
"""Samples per cell along each axis."""
MAX_SHARE = 0.2
"""Maximum share of the length in one component, which limits the effect of glare."""

Floats = NDArray[np.float32]


def compute_directions(pyramid: Pyramid, keypoints: Keypoints) -> tuple[NDArray[np.intp], Floats]:
    """Return the directions of keypoints: the row of each, and the angle in degrees as in OpenCV."""
    radius = DIRECTION_REACH * _compute_blurs(keypoints)
    size, angle = _compute_gradients(pyramid, keypoints, radius * _DISC.across, radius * _DISC.down)
    size *= _DISC.nearness
    bins = np.rint(angle * (BINS / 360)).astype(np.intp)
    bins += np.arange(len(keypoints)) * (BINS + 1)
    raw = np.asarray(np.bincount(bins.ravel(), size.ravel(), len(keypoints) * (BINS + 1)), np.float64)
    raw = raw.reshape(-1, BINS + 1)
    raw[:, 0] += raw[:, BINS]
    return _find_peaks(raw[:, :BINS])


def compute_descriptors(pyramid: Pyramid, keypoints: Keypoints, angles: Floats) -> Floats:
    """Return descriptors, float32, shape (n, 128), of unit length, each component at most a fifth of it.

    Angles are in degrees as :func:`compute_directions` returns them.
    """
    count, turn = len(keypoints), np.radians(360 - angles)
    blurs = _compute_blurs(keypoints) * CELL_WIDTH
    cosine, sine = np.cos(turn) * blurs, np.sin(turn) * blurs
    across, down = _SQUARE.across * cosine + _SQUARE.down * sine, _SQUARE.down * cosine - _SQUARE.across * sine
    size, angle = _compute_gradients(pyramid, keypoints, across, down)
    size *= _SQUARE.nearness
    bins = (angle - (360 - angles)) * (ANGLES / 360)
    below = np.floor(bins)
    share = (bins - below) * size
    lower = below.astype(np.intp) & (ANGLES - 1)
    rows = np.arange(size.size).reshape(size.shape) * ANGLES
    spread = np.zeros(size.size * ANGLES, np.float32)
    spread[rows + lower] = size - share
    spread[rows + ((lower + 1) & (ANGLES - 1))] = share
    cells = _SHARES @ spread.reshape(len(size), count * ANGLES)
    raw = cells.reshape(CELLS**2, count, ANGLES).transpose(1, 0, 2).reshape(count, -1)
    # normalise, limit the components, and normalise again
    length = np.linalg.norm(raw, axis=1, keepdims=True)
    clipped = np.minimum(raw, MAX_SHARE * length)
    return np.asarray(clipped / np.maximum(np.linalg.norm(clipped, axis=1, keepdims=True), 1e-9), np.float32)


def _compute_blurs(keypoints: Keypoints) -> Floats:
    """Return the blur of each keypoint in pixels of its octave."""
    return np.asarray(SIGMA * 2 ** (keypoints.layers / LAYERS), np.float32)


def _compute_gradients(pyramid: Pyramid, keypoints: Keypoints, across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Return length and angle (degrees, y upwards) of gradients beside keypoints; zero length outside the picture.

    ``across`` and ``down`` have shape (m, n) for n keypoints, in pixels of the keypoint's octave.
    """
    stack, octaves = pyramid.levels, keypoints.octaves.astype(np.int64)
    height, width = (sides.astype(np.int32) for sides in stack.shapes[octaves].T)
    middle = keypoints.points / (2.0 ** octaves[:, None]).astype(np.float32)
    x = np.rint(across + middle[:, 0]).astype(np.int32)
    y = np.rint(down + middle[:, 1]).astype(np.int32)
    inside = ((x - 1).view(np.uint32) < (width - 2).view(np.uint32)) & (
        (y - 1).view(np.uint32) < (height - 2).view(np.uint32)
    )
    levels = np.clip(np.rint(keypoints.layers), 1, LAYERS).astype(np.int64)
    start = stack.place(octaves, levels, np.zeros_like(octaves), np.zeros_like(octaves))
    place = start + np.where(inside, y * width + x, width + 1)
    right = stack.memory.take(place + 1) - stack.memory.take(place - 1)
    up = stack.memory.take(place - width) - stack.memory.take(place + width)
    size, angle = cv2.cartToPolar(right, up, angleInDegrees=True)
    return size * inside, angle


def _find_peaks(raw: NDArray[np.float64]) -> tuple[NDArray[np.intp], Floats]:
    """Return the peaks of smoothed histograms, with the row of each."""
    near_sums, far_sums = (
        np.roll(raw, 1, axis=1) + np.roll(raw, -1, axis=1),
        np.roll(raw, 2, axis=1) + np.roll(raw, -2, axis=1),
    )
    histograms = (far_sums + 4 * near_sums + 6 * raw) / 16
    left, right = np.roll(histograms, 1, axis=1), np.roll(histograms, -1, axis=1)
    is_peak = (histograms > left) & (histograms > right) & (histograms >= PEAK * histograms.max(axis=1, keepdims=True))
    rows, bins = np.nonzero(is_peak)
    before, peak, after = left[rows, bins], histograms[rows, bins], right[rows, bins]
    refined = bins + 0.5 * (before - after) / (before - 2 * peak + after)
    return rows, ((360 - refined * (360 / BINS)) % 360).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Lattice:
    """Offsets around a keypoint, shape (m, 1), and the weight of a gradient by its distance."""

    across: Floats
    down: Floats
    nearness: Floats


def _build_lattice(steps: NDArray[np.float64], deviation: float) -> _Lattice:
    across, down = (grid.reshape(-1, 1).astype(np.float32) for grid in np.meshgrid(steps, steps))
    return _Lattice(across, down, np.exp(-(across**2 + down**2) / (2 * deviation**2)))


def _compute_cell_shares(steps: NDArray[np.float64]) -> Floats:
    """Return each of the 16 cells' share in each point of a square lattice, steps in cells from the centre."""
    centres = np.arange(CELLS) - (CELLS - 1) / 2
    along = np.maximum(0, 1 - np.abs(steps - centres[:, None]))
    both = along[:, None, :, None] * along[None, :, None, :]
    return np.asarray(both.reshape(CELLS**2, -1), np.float32)


_DISC = _build_lattice(np.arange(-LATTICE, LATTICE + 1) / LATTICE, 1 / 3)
_STEPS = (np.arange((CELLS + 1) * SAMPLES) + 0.5) / SAMPLES - (CELLS + 1) / 2
_SQUARE = _build_lattice(_STEPS, CELLS / 2)
_SHARES = _compute_cell_shares(_STEPS)
