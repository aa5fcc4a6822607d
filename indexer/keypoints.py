"""Detecting SIFT keypoints: extrema of differences of Gaussians, refined below the pixel, with a direction.

The detector of Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (2004), sections 3 to 5, as OpenCV has
it, but for three things. It works on the picture that it is given: OpenCV doubles every picture first, which costs
three quarters of the time and finds what is lost in the next copy. Keypoints are chosen before their directions are
measured, not afterwards. And a direction is measured on a fixed lattice of samples, not on every pixel around.
"""

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.single_thread import cv2

LAYERS = 3
SIGMA = 1.6
"""Blur of the first level of an octave, in its pixels."""
CAMERA = 0.5
"""Blur that a picture is taken to have already."""
EDGE = 10.0
"""How much longer than wide the extremum may be."""
MARGIN = 5
"""Pixels at the border of an octave without keypoints."""
LEAST_OCTAVE = 16
"""Pixels of the shorter side of the last octave."""
STEPS = 3
"""Times that an extremum may move to a neighbouring pixel."""
BINS = 36
LATTICE = 6
"""Samples on each side of a keypoint, along each axis, that its direction is measured on."""
PEAK = 0.8
"""A second direction counts from this share of the first."""

Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Keypoints:
    """Keypoints of one picture.

    Attributes:
        points: float32, shape (n, 2): x and y in pixels of the picture, pixel centres at whole numbers.
        octaves: int32: how often the picture was halved.
        layers: float32: level within the octave, refined.
        responses: float32: contrast, on a scale of grey levels from 0 to 1.
    """

    points: NDArray[np.float32]
    octaves: NDArray[np.int32]
    layers: NDArray[np.float32]
    responses: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: NDArray[np.intp]) -> "Keypoints":
        return Keypoints(self.points[rows], self.octaves[rows], self.layers[rows], self.responses[rows])


class Pyramid:
    """The Gaussian levels of a picture, in memory that the next picture in this thread takes over.

    Args:
        grey: uint8, shape (height, width).
        blur: that the picture has: more than a camera's when it was enlarged.
    """

    def __init__(self, grey: NDArray[np.uint8], blur: float = CAMERA) -> None:
        shapes = _shapes(grey.shape)
        pixels = [height * width for height, width in shapes]
        room = _room.of((LAYERS + 3) * sum(pixels) + (3 * LAYERS + 8) * pixels[0])
        self.octaves: list[list[Image]] = []
        for shape in shapes:
            levels, room = _images(room, LAYERS + 3, shape)
            self._fill(levels, grey, blur)
            self.octaves.append(levels)
        self._spare = room

    def _fill(self, levels: list[Image], grey: NDArray[np.uint8], blur: float) -> None:
        """The levels of an octave, the first of them from the picture or from the octave before."""
        if self.octaves:
            np.copyto(levels[0], self.octaves[-1][LAYERS][::2, ::2])
        else:
            more = float(np.sqrt(max(SIGMA**2 - blur**2, 0.01)))
            np.copyto(levels[1], grey)
            cv2.GaussianBlur(levels[1], (0, 0), more, dst=levels[0])
        for level in range(1, LAYERS + 3):
            before = SIGMA * 2 ** ((level - 1) / LAYERS)
            more = before * float(np.sqrt(2 ** (2 / LAYERS) - 1))
            cv2.GaussianBlur(levels[level - 1], (0, 0), more, dst=levels[level])

    def detect(self, contrast: float) -> Keypoints:
        """All keypoints, in no order.

        Args:
            contrast: least response times layers, as OpenCV counts it.
        """
        found = [self._of_octave(number, contrast) for number in range(len(self.octaves))]
        return Keypoints(*(np.concatenate([getattr(one, name) for one in found]) for name in Keypoints.__slots__))

    def _of_octave(self, number: int, contrast: float) -> Keypoints:
        levels = self.octaves[number]
        differences, room = _images(self._spare, LAYERS + 2, levels[0].shape)
        for level, difference in enumerate(differences):
            cv2.subtract(levels[level + 1], levels[level], dst=difference)
        places = _extrema(differences, 0.8 * contrast / LAYERS * 255, room)
        stacked = self._spare[: (LAYERS + 2) * levels[0].size].reshape(LAYERS + 2, *levels[0].shape)
        found, offsets, responses = _refined(stacked, places)
        kept = responses * LAYERS >= contrast
        found, offsets, responses = found[kept], offsets[kept], responses[kept]
        return Keypoints(
            points=((found[:, :0:-1] + offsets[:, :2]) * 2**number).astype(np.float32),
            octaves=np.full(len(found), number, np.int32),
            layers=(found[:, 0] + offsets[:, 2]).astype(np.float32),
            responses=responses.astype(np.float32),
        )

    def directions(self, keypoints: Keypoints) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The directions of keypoints: which row each is of, and the angle in degrees as OpenCV counts it."""
        rows, angles = [np.zeros(0, np.intp)], [np.zeros(0, np.float64)]
        levels = np.clip(np.round(keypoints.layers), 1, LAYERS).astype(np.int64)
        for number, octave in enumerate(self.octaves):
            for level in range(1, LAYERS + 1):
                here = np.flatnonzero((keypoints.octaves == number) & (levels == level))
                if len(here):
                    which, angle = _peaks(_histograms(octave[level], keypoints[here]))
                    rows.append(here[which])
                    angles.append(angle)
        return np.concatenate(rows), np.concatenate(angles).astype(np.float32)


class _Room(threading.local):
    """Memory that each picture uses again: new pages cost more than the arithmetic on them."""

    def __init__(self) -> None:
        self._memory = np.zeros(0, np.float32)

    def of(self, size: int) -> NDArray[np.float32]:
        """So many numbers, of any value."""
        if len(self._memory) < size:
            self._memory = np.zeros(size, np.float32)
        return self._memory


_room = _Room()


def sizes(keypoints: Keypoints) -> NDArray[np.float32]:
    """Diameters in pixels of the picture, as OpenCV's keypoints carry them."""
    return np.asarray(2 * SIGMA * 2.0 ** (keypoints.layers / LAYERS + keypoints.octaves), np.float32)


def _shapes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Height and width of each octave."""
    shapes = [(shape[0], shape[1])]
    while min(shapes[-1]) >= 2 * LEAST_OCTAVE:
        shapes.append(((shapes[-1][0] + 1) // 2, (shapes[-1][1] + 1) // 2))
    return shapes


def _images(room: NDArray[np.float32], count: int, shape: tuple[int, ...]) -> tuple[list[Image], NDArray[np.float32]]:
    """So many images one behind the other, and the room that is left."""
    size = shape[0] * shape[1]
    return list(room[: count * size].reshape(count, *shape)), room[count * size :]


def _extrema(differences: list[Image], least: float, room: NDArray[np.float32]) -> NDArray[np.int64]:
    """Level, row and column of what is larger, or smaller, than its 26 neighbours."""
    shape, around = differences[0].shape, np.ones((3, 3), np.uint8)
    highest, room = _images(room, LAYERS + 2, shape)
    lowest, room = _images(room, LAYERS + 2, shape)
    (top, bottom), _ = _images(room, 2, shape)
    for difference, high, low in zip(differences, highest, lowest, strict=True):
        cv2.dilate(difference, around, dst=high)
        cv2.erode(difference, around, dst=low)
    found = []
    for level in range(1, LAYERS + 1):
        here = differences[level]
        cv2.max(cv2.max(highest[level - 1], highest[level], dst=top), highest[level + 1], dst=top)
        cv2.min(cv2.min(lowest[level - 1], lowest[level], dst=bottom), lowest[level + 1], dst=bottom)
        places = np.flatnonzero((here >= top) | (here <= bottom))
        places = places[np.abs(here.ravel()[places]) > least]
        found.append(np.stack([np.full(len(places), level), *np.unravel_index(places, shape)], axis=1))
    places = np.concatenate(found)
    return places[_is_inside(places, shape)]


def _is_inside(places: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    level, row, column = places.T
    inner = (row >= MARGIN) & (row < shape[0] - MARGIN) & (column >= MARGIN) & (column < shape[1] - MARGIN)
    return np.asarray((level >= 1) & (level <= LAYERS) & inner)


def _refined(
    differences: Image, places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Places, offsets (x, y, level) and contrasts of the extrema that hold below the pixel and aren't edges."""
    found: list[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]] = []
    for _ in range(STEPS):
        offsets, responses, corner = _quadratic(differences, places)
        steady = (np.abs(offsets) < 0.5).all(axis=1)
        good = steady & corner
        found.append((places[good], offsets[good], responses[good]))
        moved = places[~steady] + np.clip(np.round(offsets[~steady, ::-1]), -1, 1).astype(np.int64)
        places = moved[_is_inside(moved, differences.shape[1:])]
    places, offsets, responses = (np.concatenate(columns) for columns in zip(*found, strict=True))
    _, first = np.unique(places @ [1 << 40, 1 << 20, 1], return_index=True)
    return places[first], offsets[first], responses[first]


def _quadratic(
    differences: Image, places: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """The extremum of the parabola through the 27 values around each place: offset (x, y, level), contrast, no edge."""
    level, row, column = places.T
    flat, (_, height, width) = differences.ravel(), differences.shape
    place = (level * height + row) * width + column

    def value(up: int, down: int, right: int) -> NDArray[np.float64]:
        return np.asarray(flat[place + (up * height + down) * width + right] / 255.0, np.float64)

    middle = value(0, 0, 0)
    x0, x1, y0, y1, s0, s1 = (
        value(0, 0, -1),
        value(0, 0, 1),
        value(0, -1, 0),
        value(0, 1, 0),
        value(-1, 0, 0),
        value(1, 0, 0),
    )
    slope = np.stack([x1 - x0, y1 - y0, s1 - s0], axis=1) / 2
    xx, yy, ss = x0 + x1 - 2 * middle, y0 + y1 - 2 * middle, s0 + s1 - 2 * middle
    xy = (value(0, 1, 1) - value(0, 1, -1) - value(0, -1, 1) + value(0, -1, -1)) / 4
    xs = (value(1, 0, 1) - value(1, 0, -1) - value(-1, 0, 1) + value(-1, 0, -1)) / 4
    ys = (value(1, 1, 0) - value(1, -1, 0) - value(-1, 1, 0) + value(-1, -1, 0)) / 4
    minors = yy * ss - ys * ys, xs * ys - xy * ss, xy * ys - xs * yy, xx * ss - xs * xs, xy * xs - xx * ys
    whole = xx * minors[0] + xy * minors[1] + xs * minors[2]
    whole = np.where(np.abs(whole) < 1e-15, np.inf, -whole)  # a plain
    flat_rows = (minors[:3], (minors[1], minors[3], minors[4]), (minors[2], minors[4], xx * yy - xy * xy))
    offsets = np.stack([sum(m * g for m, g in zip(row, slope.T, strict=True)) / whole for row in flat_rows], axis=1)
    determinant = xx * yy - xy * xy
    corner = (determinant > 0) & ((xx + yy) ** 2 * EDGE < (EDGE + 1) ** 2 * determinant)
    return offsets, np.abs(middle + (slope * offsets).sum(axis=1) / 2), corner


def _histograms(level: Image, keypoints: Keypoints) -> NDArray[np.float64]:
    """Smoothed histograms of gradient directions around keypoints of one level, shape (n, 36)."""
    steps = np.arange(-LATTICE, LATTICE + 1) / LATTICE
    across, down = (one.ravel() for one in np.meshgrid(steps, steps))
    weights = np.exp(-(across**2 + down**2) * 4.5)  # the radius is three times the deviation
    radius = 4.5 * SIGMA * 2 ** (keypoints.layers / LAYERS)
    middle = keypoints.points / 2.0 ** keypoints.octaves[:, None]
    height, width = level.shape
    x = np.round(middle[:, :1] + radius[:, None] * across).astype(np.int32)
    y = np.round(middle[:, 1:] + radius[:, None] * down).astype(np.int32)
    inside = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    place = np.where(inside, y * width + x, width + 1)
    flat = level.ravel()
    right, up = flat[place + 1] - flat[place - 1], flat[place - width] - flat[place + width]
    size, angle = cv2.cartToPolar(right, up, angleInDegrees=True)
    bins = np.round(angle * (BINS / 360)).astype(np.int64) % BINS + np.arange(len(place))[:, None] * BINS
    raw = np.bincount(bins.ravel(), (size * inside * weights).ravel(), len(place) * BINS).reshape(-1, BINS)
    one, two = np.roll(raw, 1, axis=1) + np.roll(raw, -1, axis=1), np.roll(raw, 2, axis=1) + np.roll(raw, -2, axis=1)
    return np.asarray((two + 4 * one + 6 * raw) / 16)


def _peaks(histograms: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    left, right = np.roll(histograms, 1, axis=1), np.roll(histograms, -1, axis=1)
    high = (histograms > left) & (histograms > right) & (histograms >= PEAK * histograms.max(axis=1, keepdims=True))
    rows, bins = np.nonzero(high)
    before, here, after = left[rows, bins], histograms[rows, bins], right[rows, bins]
    refined = bins + 0.5 * (before - after) / (before - 2 * here + after)
    return rows, (360 - refined * (360 / BINS)) % 360
