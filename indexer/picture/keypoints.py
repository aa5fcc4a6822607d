"""Detection of SIFT keypoints: extrema of differences of Gaussians, refined to subpixel precision.

Implements the detector of Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (2004), sections 3 and 4,
as in OpenCV, but without doubling the picture by default: doubling takes three quarters of the time, and only adds
details of one or two pixels, which the next copy loses.
"""

import math
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2

LAYERS = 3
SIGMA = 1.6
"""Blur of the first level of an octave, in its pixels."""
CAMERA_BLUR = 0.5
"""Assumed existing blur of a picture."""
BLUR_RADIUS = 3.0
"""Radius of a blur in standard deviations; OpenCV's four deviations would cost 50% more."""
MAX_ELONGATION = 10.0
"""Maximum ratio of length to width of an extremum."""
RIM_PIXELS = 5
"""Margin, in pixels, of an octave without keypoints."""
MIN_OCTAVE_SIDE = 16
"""Minimum shorter side, in pixels, of the last octave."""
MAX_MOVES = 3
"""Maximum number of moves of an extremum to a neighbouring pixel."""

_STEPS = [(0, 0, 0), (0, 0, -1), (0, 0, 1), (0, -1, 0), (0, 1, 0), (-1, 0, 0), (1, 0, 0)]
_STEPS += [(0, 1, 1), (0, 1, -1), (0, -1, 1), (0, -1, -1), (1, 0, 1), (1, 0, -1), (-1, 0, 1), (-1, 0, -1)]
_STEPS += [(1, 1, 0), (1, -1, 0), (-1, 1, 0), (-1, -1, 0)]
_PARABOLA_OFFSETS = np.array(_STEPS).T[..., None]
"""Offsets (levels up, rows down, columns to the right) of the samples for a parabola, shape (3, 19, 1)."""

Image = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Keypoints of one picture."""

    points: NDArray[np.float32]  # float32, shape (n, 2): x and y in the picture's pixels, centres at whole numbers
    octaves: NDArray[np.int32]  # int32: number of times the picture was halved
    layers: NDArray[np.float32]  # float32: level within the octave, refined
    responses: NDArray[np.float32]  # float32: contrast, on a scale of grey levels from 0 to 1

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: NDArray[np.intp]) -> "Keypoints":
        return Keypoints(self.points[rows], self.octaves[rows], self.layers[rows], self.responses[rows])


@dataclass(frozen=True, slots=True)
class Stack:
    """Images of several octaves in one memory block, with the same number of images for each octave."""

    memory: Image  # float32, the images in sequence
    starts: Integers  # int64: start of each octave
    shapes: Integers  # int64, shape (octaves, 2): height and width of its images
    images: list[list[Image]]  # by octave; views of the memory

    def compute_index(self, octave: Integers, level: Integers, row: Integers, column: Integers) -> Integers:
        """Return the index of a pixel in the memory."""
        height, width = self.shapes[octave].T
        return np.asarray(self.starts[octave] + (level * height + row) * width + column)


class Pyramid:
    """Gaussian levels of a picture, in memory that the next picture in the main thread reuses.

    ``blur`` is the existing blur, which is larger for an enlarged picture.
    """

    def __init__(self, grey: NDArray[np.uint8], blur: float = CAMERA_BLUR) -> None:
        shapes = _compute_shapes(grey.shape)
        pixels = sum(height * width for height, width in shapes)
        memory = _shared_memory.allocate((2 * LAYERS + 5) * pixels + 2 * grey.size)
        self.levels = _build_stack(memory, LAYERS + 3, shapes)
        self._differences = _build_stack(memory[(LAYERS + 3) * pixels :], LAYERS + 2, shapes)
        self._spare = memory[(2 * LAYERS + 5) * pixels :]
        for number in range(len(shapes)):
            self._compute_octave(number, grey, blur)

    def _compute_octave(self, number: int, grey: NDArray[np.uint8], blur: float) -> None:
        """Compute the levels of an octave, the first from the picture or from the previous octave."""
        levels = self.levels.images[number]
        if number:
            np.copyto(levels[0], self.levels.images[number - 1][LAYERS][::2, ::2])
        else:
            added_blur = float(np.sqrt(max(SIGMA**2 - blur**2, 0.01)))
            np.copyto(levels[1], grey)
            _blur(levels[1], added_blur, levels[0])
        for level, difference in enumerate(self._differences.images[number], start=1):
            previous_blur = SIGMA * 2 ** ((level - 1) / LAYERS)
            added_blur = previous_blur * float(np.sqrt(2 ** (2 / LAYERS) - 1))
            _blur(levels[level - 1], added_blur, levels[level])
            cv2.subtract(levels[level], levels[level - 1], dst=difference)

    def detect(self, contrast: float) -> Keypoints:
        """Detect all keypoints, unordered.

        As in OpenCV, their response times the number of layers reaches the contrast.
        """
        differences = self._differences
        positions = _find_extrema(differences, 0.8 * contrast / LAYERS * 255, self._spare)
        extrema, offsets, responses = _refine_extrema(differences, positions)
        is_strong = responses * LAYERS >= contrast
        (octave, level, row, column), offsets, responses = (
            extrema[is_strong].T,
            offsets[is_strong],
            responses[is_strong],
        )
        return Keypoints(
            points=((np.stack([column, row], axis=1) + offsets[:, :2]) * (2.0**octave)[:, None]).astype(np.float32),
            octaves=octave.astype(np.int32),
            layers=(level + offsets[:, 2]).astype(np.float32),
            responses=responses.astype(np.float32),
        )


def _blur(image: Image, deviation: float, blurred: Image) -> None:
    side = 2 * math.ceil(BLUR_RADIUS * deviation) + 1
    cv2.GaussianBlur(image, (side, side), deviation, dst=blurred)


class _ReusableMemory:
    """Memory that is reused for each picture, because allocating new pages costs more than the arithmetic on them.

    Only the main thread reuses it, as in a worker. Otherwise each thread of the web server would hold 100 MB or more
    permanently.
    """

    def __init__(self) -> None:
        self._memory = np.zeros(0, np.float32)

    def allocate(self, size: int) -> NDArray[np.float32]:
        """Allocate ``size`` uninitialised numbers."""
        if threading.current_thread() is not threading.main_thread():
            return np.empty(size, np.float32)
        if len(self._memory) < size:
            self._memory = np.zeros(size, np.float32)
        return self._memory


_shared_memory = _ReusableMemory()


def _compute_shapes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return height and width of each octave."""
    shapes = [(shape[0], shape[1])]
    while min(shapes[-1]) >= 2 * MIN_OCTAVE_SIDE:
        shapes.append(((shapes[-1][0] + 1) // 2, (shapes[-1][1] + 1) // 2))
    return shapes


def _build_stack(memory: Image, count: int, shapes: list[tuple[int, int]]) -> Stack:
    """Create ``count`` images of each octave at the start of the memory."""
    ends = np.cumsum([count * height * width for height, width in shapes])
    starts = np.concatenate([[0], ends[:-1]])
    octaves = [
        list(memory[start:end].reshape(count, *shape)) for start, end, shape in zip(starts, ends, shapes, strict=True)
    ]
    return Stack(memory[: ends[-1]], starts, np.array(shapes), octaves)


def _find_extrema(differences: Stack, threshold: float, memory: Image) -> Integers:
    """Find values larger or smaller than their 26 neighbours; return octave, level, row and column of each."""
    extrema, counts, neighbourhood = [], [], np.ones((3, 3), np.uint8)
    for images in differences.images:
        extreme_values = memory[: images[0].size].reshape(images[0].shape)
        for previous_image, image, next_image in zip(images, images[1:], images[2:], strict=False):
            cv2.max(cv2.dilate(image, neighbourhood, dst=extreme_values), threshold, dst=extreme_values)
            extrema.append(_filter_extrema(np.greater_equal, image, extreme_values, (previous_image, next_image)))
            cv2.min(cv2.erode(image, neighbourhood, dst=extreme_values), -threshold, dst=extreme_values)
            extrema.append(_filter_extrema(np.less_equal, image, extreme_values, (previous_image, next_image)))
            counts.append(len(extrema[-2]) + len(extrema[-1]))
    octave, level = np.divmod(np.repeat(np.arange(len(counts)), counts), LAYERS)
    row, column = np.divmod(np.concatenate(extrema), differences.shapes[octave, 1])
    positions = np.stack([octave, level + 1, row, column], axis=1)
    return _filter_by_levels(differences, positions[_is_inside(positions, differences.shapes)])


def _filter_extrema(
    compare: np.ufunc, image: Image, bounds: Image, adjacent_images: tuple[Image, Image]
) -> NDArray[np.intp]:
    """Return the pixels that reach ``bounds`` and the same pixel in both adjacent levels, as a cheap first check."""
    rows = np.flatnonzero(compare(image, bounds))
    values = image.take(rows)
    return np.asarray(
        rows[compare(values, adjacent_images[0].take(rows)) & compare(values, adjacent_images[1].take(rows))]
    )


def _filter_by_levels(differences: Stack, positions: Integers) -> Integers:
    """Keep the extrema that no neighbour in the levels before and after exceeds."""
    for level_offset in (-1, 1):
        octave, level, row, column = positions.T
        indices, width = (
            differences.compute_index(octave, level + level_offset, row, column),
            differences.shapes[octave, 1],
        )
        neighbours = [
            differences.memory.take(indices + row_offset * width + column_offset)
            for row_offset in (-1, 0, 1)
            for column_offset in (-1, 0, 1)
        ]
        values = differences.memory.take(differences.compute_index(octave, level, row, column))
        highest, lowest = np.max(neighbours, axis=0), np.min(neighbours, axis=0)
        positions = positions[np.where(values > 0, values >= highest, values <= lowest)]
    return positions


def _is_inside(positions: Integers, shapes: Integers) -> NDArray[np.bool_]:
    octave, level, row, column = positions.T
    height, width = shapes[octave].T
    is_inner = (
        (row >= RIM_PIXELS) & (row < height - RIM_PIXELS) & (column >= RIM_PIXELS) & (column < width - RIM_PIXELS)
    )
    return np.asarray((level >= 1) & (level <= LAYERS) & is_inner)


def _refine_extrema(
    differences: Stack, positions: Integers
) -> tuple[Integers, NDArray[np.float64], NDArray[np.float64]]:
    """Return positions, offsets (x, y, level) and contrasts of stable subpixel extrema that are not edges."""
    refined_extrema: list[tuple[Integers, NDArray[np.float64], NDArray[np.float64]]] = []
    for _ in range(MAX_MOVES):
        offsets, responses, corner = _fit_parabola(differences, positions)
        is_stable = (np.abs(offsets) < 0.5).all(axis=1)
        is_extremum = is_stable & corner
        refined_extrema.append((positions[is_extremum], offsets[is_extremum], responses[is_extremum]))
        is_shifted = positions[~is_stable]
        is_shifted[:, 1:] += np.clip(np.round(offsets[~is_stable, ::-1]), -1, 1).astype(np.int64)
        positions = is_shifted[_is_inside(is_shifted, differences.shapes)]
    positions, offsets, responses = (np.concatenate(columns) for columns in zip(*refined_extrema, strict=True))
    _, first = np.unique(positions @ [1 << 56, 1 << 48, 1 << 24, 1], return_index=True)
    return positions[first], offsets[first], responses[first]


def _fit_parabola(
    differences: Stack, positions: Integers
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Fit a parabola to 27 values; return offset (x, y, level) and contrast of the extremum, and False for edges."""
    octave, level, row, column = positions.T
    indices, (height, width) = differences.compute_index(octave, level, row, column), differences.shapes[octave].T
    up, down, right = _PARABOLA_OFFSETS
    samples = np.asarray(differences.memory.take(indices + (up * height + down) * width + right) / 255.0, np.float64)
    centre, x0, x1, y0, y1, s0, s1 = samples[:7]
    slope = np.stack([x1 - x0, y1 - y0, s1 - s0], axis=1) / 2
    xx, yy, ss = x0 + x1 - 2 * centre, y0 + y1 - 2 * centre, s0 + s1 - 2 * centre
    xy, xs, ys = (
        (first - second - third + fourth) / 4 for first, second, third, fourth in samples[7:].reshape(3, 4, -1)
    )
    minors = yy * ss - ys * ys, xs * ys - xy * ss, xy * ys - xs * yy, xx * ss - xs * xs, xy * xs - xx * ys
    determinant_sum = xx * minors[0] + xy * minors[1] + xs * minors[2]
    determinant_sum = np.where(np.abs(determinant_sum) < 1e-15, np.inf, -determinant_sum)  # a plain area
    flat_rows = (minors[:3], (minors[1], minors[3], minors[4]), (minors[2], minors[4], xx * yy - xy * xy))
    offsets = np.stack(
        [sum(m * g for m, g in zip(row, slope.T, strict=True)) / determinant_sum for row in flat_rows], axis=1
    )
    determinant = xx * yy - xy * xy
    corner = (determinant > 0) & ((xx + yy) ** 2 * MAX_ELONGATION < (MAX_ELONGATION + 1) ** 2 * determinant)
    return offsets, np.abs(centre + (slope * offsets).sum(axis=1) / 2), corner
