"""Directions and descriptors of SIFT keypoints, from gradients on a fixed lattice around each.

Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (2004), sections 5 and 6. OpenCV reads every pixel
around a keypoint, which makes large ones expensive, and builds the pyramid again. On a lattice as dense as the blur
requires, all keypoints have the same cost and are measured together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2
from indexer.picture.keypoints import LAYERS, SIGMA, Keypoints, Pyramid

BIN_COUNT = 36
DIRECTION_REACH = 4.5
"""Radius for measuring a keypoint's direction, in blurs of its level: three deviations of the weights."""
LATTICE_STEPS = 6
"""Samples on each side of a keypoint, along each axis, for its direction."""
MIN_PEAK_FRACTION = 0.8
"""Minimum strength of a second direction, as a fraction of the first one."""
CELL_COUNT, ANGLE_COUNT = 4, 8
"""Cells of a descriptor along each axis, and directions per cell."""
CELL_WIDTH = 3.0
"""Width of a cell, in blurs of the keypoint's level."""
SAMPLES_PER_CELL = 3
"""Samples per cell along each axis."""
MAX_COMPONENT = 0.2
"""Maximum fraction of the length in one component, which limits the effect of glare."""

Floats = NDArray[np.float32]


def compute_directions(pyramid: Pyramid, keypoints: Keypoints) -> tuple[NDArray[np.intp], Floats]:
    """Compute the directions of keypoints: the keypoint's row, and the angle in degrees as in OpenCV, of each."""
    radius = DIRECTION_REACH * _compute_blurs(keypoints)
    size, angle = _compute_gradients(pyramid, keypoints, radius * _DISC.across, radius * _DISC.down)
    size *= _DISC.weights
    bins = np.rint(angle * (BIN_COUNT / 360)).astype(np.intp)
    bins += np.arange(len(keypoints)) * (BIN_COUNT + 1)
    raw_histograms = np.asarray(np.bincount(bins.ravel(), size.ravel(), len(keypoints) * (BIN_COUNT + 1)), np.float64)
    raw_histograms = raw_histograms.reshape(-1, BIN_COUNT + 1)
    raw_histograms[:, 0] += raw_histograms[:, BIN_COUNT]
    return _find_peaks(raw_histograms[:, :BIN_COUNT])


def compute_descriptors(pyramid: Pyramid, keypoints: Keypoints, angles: Floats) -> Floats:
    """Compute descriptors, float32, shape (n, 128), of unit length, with components of at most 0.2.

    Angles are in degrees as :func:`compute_directions` returns them.
    """
    count, rotations = len(keypoints), np.radians(360 - angles)
    blurs = _compute_blurs(keypoints) * CELL_WIDTH
    cosine, sine = np.cos(rotations) * blurs, np.sin(rotations) * blurs
    across, down = _SQUARE.across * cosine + _SQUARE.down * sine, _SQUARE.down * cosine - _SQUARE.across * sine
    size, angle = _compute_gradients(pyramid, keypoints, across, down)
    size *= _SQUARE.weights
    bins = (angle - (360 - angles)) * (ANGLE_COUNT / 360)
    lower_bins = np.floor(bins)
    upper_weights = (bins - lower_bins) * size
    lower = lower_bins.astype(np.intp) & (ANGLE_COUNT - 1)
    rows = np.arange(size.size).reshape(size.shape) * ANGLE_COUNT
    spread = np.zeros(size.size * ANGLE_COUNT, np.float32)
    spread[rows + lower] = size - upper_weights
    spread[rows + ((lower + 1) & (ANGLE_COUNT - 1))] = upper_weights
    cells = _CELL_WEIGHTS @ spread.reshape(len(size), count * ANGLE_COUNT)
    raw_descriptors = cells.reshape(CELL_COUNT**2, count, ANGLE_COUNT).transpose(1, 0, 2).reshape(count, -1)
    # normalise, limit the components, and normalise again
    length = np.linalg.norm(raw_descriptors, axis=1, keepdims=True)
    clipped_descriptors = np.minimum(raw_descriptors, MAX_COMPONENT * length)
    return np.asarray(
        clipped_descriptors / np.maximum(np.linalg.norm(clipped_descriptors, axis=1, keepdims=True), 1e-9), np.float32
    )


def _compute_blurs(keypoints: Keypoints) -> Floats:
    """Return the blur of each keypoint in pixels of its octave."""
    return np.asarray(SIGMA * 2 ** (keypoints.layers / LAYERS), np.float32)


def _compute_gradients(pyramid: Pyramid, keypoints: Keypoints, across: Floats, down: Floats) -> tuple[Floats, Floats]:
    """Compute length and angle (degrees, y upwards) of gradients around keypoints; the length is 0 outside the picture.

    ``across`` and ``down`` have shape (m, n) for n keypoints, in pixels of the keypoint's octave.
    """
    stack, octaves = pyramid.levels, keypoints.octaves.astype(np.int64)
    height, width = (sides.astype(np.int32) for sides in stack.shapes[octaves].T)
    centres = keypoints.points / (2.0 ** octaves[:, None]).astype(np.float32)
    x = np.rint(across + centres[:, 0]).astype(np.int32)
    y = np.rint(down + centres[:, 1]).astype(np.int32)
    is_inside = ((x - 1).view(np.uint32) < (width - 2).view(np.uint32)) & (
        (y - 1).view(np.uint32) < (height - 2).view(np.uint32)
    )
    levels = np.clip(np.rint(keypoints.layers), 1, LAYERS).astype(np.int64)
    start = stack.compute_index(octaves, levels, np.zeros_like(octaves), np.zeros_like(octaves))
    indices = start + np.where(is_inside, y * width + x, width + 1)
    horizontal_differences = stack.memory.take(indices + 1) - stack.memory.take(indices - 1)
    vertical_differences = stack.memory.take(indices - width) - stack.memory.take(indices + width)
    size, angle = cv2.cartToPolar(horizontal_differences, vertical_differences, angleInDegrees=True)
    return size * is_inside, angle


def _find_peaks(raw_histograms: NDArray[np.float64]) -> tuple[NDArray[np.intp], Floats]:
    """Return the peaks of smoothed histograms, with the row of each."""
    near_sums, far_sums = (
        np.roll(raw_histograms, 1, axis=1) + np.roll(raw_histograms, -1, axis=1),
        np.roll(raw_histograms, 2, axis=1) + np.roll(raw_histograms, -2, axis=1),
    )
    histograms = (far_sums + 4 * near_sums + 6 * raw_histograms) / 16
    left, right = np.roll(histograms, 1, axis=1), np.roll(histograms, -1, axis=1)
    is_peak = (
        (histograms > left)
        & (histograms > right)
        & (histograms >= MIN_PEAK_FRACTION * histograms.max(axis=1, keepdims=True))
    )
    rows, bins = np.nonzero(is_peak)
    left_values, peak, right_values = left[rows, bins], histograms[rows, bins], right[rows, bins]
    refined_bins = bins + 0.5 * (left_values - right_values) / (left_values - 2 * peak + right_values)
    return rows, ((360 - refined_bins * (360 / BIN_COUNT)) % 360).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Lattice:
    """Offsets around a keypoint, shape (m, 1), and the weight of a gradient by its distance."""

    across: Floats
    down: Floats
    weights: Floats


def _build_lattice(steps: NDArray[np.float64], deviation: float) -> _Lattice:
    across, down = (grid.reshape(-1, 1).astype(np.float32) for grid in np.meshgrid(steps, steps))
    return _Lattice(across, down, np.exp(-(across**2 + down**2) / (2 * deviation**2)))


def _compute_cell_weights(steps: NDArray[np.float64]) -> Floats:
    """Compute the weight of each of the 16 cells at each point of a square lattice; steps are in cells."""
    centres = np.arange(CELL_COUNT) - (CELL_COUNT - 1) / 2
    along = np.maximum(0, 1 - np.abs(steps - centres[:, None]))
    weights = along[:, None, :, None] * along[None, :, None, :]
    return np.asarray(weights.reshape(CELL_COUNT**2, -1), np.float32)


_DISC = _build_lattice(np.arange(-LATTICE_STEPS, LATTICE_STEPS + 1) / LATTICE_STEPS, 1 / 3)
_STEPS = (np.arange((CELL_COUNT + 1) * SAMPLES_PER_CELL) + 0.5) / SAMPLES_PER_CELL - (CELL_COUNT + 1) / 2
_SQUARE = _build_lattice(_STEPS, CELL_COUNT / 2)
_CELL_WEIGHTS = _compute_cell_weights(_STEPS)
