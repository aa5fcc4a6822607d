"""Local features: SIFT keypoints with RootSIFT descriptors as bytes.

Sources: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (2004); Arandjelović and Zisserman, "Three
things everyone should know to improve object retrieval" (2012).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2
from indexer.picture.gradients import compute_descriptors, compute_directions
from indexer.picture.keypoints import CAMERA_BLUR, Pyramid

MIN_CONTRAST = 0.01
"""Threshold of the detector: half the usual one, so that smooth pictures have keypoints too."""
MIN_STRONG_RESPONSE = 0.02 / 3
"""Response (contrast divided by octave layers) from which a keypoint represents the picture rather than noise."""
GRID_SIZE = 8
"""Cells per side from which keypoints are chosen evenly; otherwise the text of a page would take them all."""
DESCRIPTOR_WIDTH = 128


_ROW, _COLUMN, _ANGLE = np.meshgrid(np.arange(4), np.arange(4), np.arange(8), indexing="ij")
MIRROR = ((3 - _ROW) * 32 + _COLUMN * 8 + (8 - _ANGLE) % 8).ravel()
"""Permutation of the 4×4×8 cells of a descriptor for a patch mirrored top to bottom."""
HALF_TURN = ((3 - _ROW) * 32 + (3 - _COLUMN) * 8 + _ANGLE).ravel()
"""The same for a patch rotated by half a turn."""


@dataclass(frozen=True)
class LocalFeatures:
    """Keypoints of one picture with their descriptors, strongest of each region first."""

    points: NDArray[np.float32]  # float32, shape (n, 2): x and y in original pixels, pixel centres at whole numbers
    descriptors: NDArray[np.uint8]  # uint8, shape (n, 128): 512 times the roots of the L1-normalised SIFT descriptor
    strong_count: int  # number of keypoints with good contrast before the selection

    def __len__(self) -> int:
        return len(self.points)

    def exclude_inside(self, transform: NDArray[np.float64], size: tuple[int, int]) -> "LocalFeatures":
        """Return the keypoints that a transform (original pixels) maps outside a picture of this width and height."""
        mapped_points = self.points @ transform[:, :2].T + transform[:, 2]
        positions = mapped_points[:, :2] / mapped_points[:, 2:]
        is_inside = (mapped_points[:, 2] > 0) & ((positions >= -0.5) & (positions <= np.array(size) - 0.5)).all(axis=1)
        return LocalFeatures(self.points[~is_inside], self.descriptors[~is_inside], self.strong_count)

    @cached_property
    def unit_rows(self) -> NDArray[np.float32]:
        """Descriptors as :func:`to_unit_rows` returns them."""
        return to_unit_rows(self.descriptors)

    @cached_property
    def mirrored_unit_rows(self) -> NDArray[np.float32]:
        """:attr:`unit_rows` of the same keypoints in the mirrored picture."""
        return np.ascontiguousarray(self.unit_rows[:, MIRROR])


def to_unit_rows(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert descriptors to float32 rows of unit length."""
    rows = descriptors.astype(np.float32)
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), np.float32)


NO_FEATURES = LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, DESCRIPTOR_WIDTH), np.uint8), 0)
MIN_SIFT_SIDE = 8
"""Minimum side in pixels; the pyramid of SIFT has no level for smaller pictures."""


def compute_local_features(grey: NDArray[np.uint8], size: tuple[int, int], limit: int) -> LocalFeatures:
    """Detect and describe at most ``limit`` keypoints; a keypoint with two directions counts twice.

    The picture is doubled first to include details of one or two pixels.

    Args:
        grey: Grey picture, uint8, shape (height, width).
        size: Width and height of the original, in whose pixels the points are.
        limit: Maximum number of features.
    """
    if min(grey.shape) < MIN_SIFT_SIDE:
        return NO_FEATURES
    scaled = cv2.resize(grey, (2 * grey.shape[1], 2 * grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    pyramid = Pyramid(np.asarray(scaled), 2 * CAMERA_BLUR)
    detected = pyramid.detect(MIN_CONTRAST)
    if not len(detected):
        return NO_FEATURES
    keypoints = detected[_select_evenly(detected.points.astype(np.float64), detected.responses, scaled.shape, limit)]
    rows, angles = compute_directions(pyramid, keypoints)
    oriented_keypoints = keypoints[rows[:limit]]
    raw_descriptors = compute_descriptors(pyramid, oriented_keypoints, angles[:limit])
    strong_count = int((detected.responses >= MIN_STRONG_RESPONSE).sum())
    return LocalFeatures(
        _to_original(oriented_keypoints.points, scaled.shape, size), _to_root_sift(raw_descriptors), strong_count
    )


def _to_original(points: NDArray[np.floating], shape: tuple[int, ...], size: tuple[int, int]) -> NDArray[np.float32]:
    """Convert points of a picture of this shape to pixels of its original, centres at whole numbers in both."""
    return np.asarray((points + 0.5) * (np.array(size) / np.array(shape[1::-1])) - 0.5, np.float32)


def _to_root_sift(raw_descriptors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert to RootSIFT as bytes."""
    roots = np.sqrt(raw_descriptors / (raw_descriptors.sum(axis=1, keepdims=True) + 1e-9))
    return np.asarray(np.minimum(255, np.round(roots * 512)), np.uint8)


def _select_evenly(
    points: NDArray[np.float64], responses: NDArray[np.floating], shape: tuple[int, ...], limit: int
) -> NDArray[np.intp]:
    """Select the strongest keypoint of each cell, then the second of each cell, and so on; return their rows."""
    strongest_first = np.argsort(-responses, kind="stable")
    cells = np.minimum(GRID_SIZE - 1, (points[strongest_first] / shape[1::-1] * GRID_SIZE).astype(np.int64)) @ [
        1,
        GRID_SIZE,
    ]
    by_cell = np.argsort(cells, kind="stable")
    counts = np.bincount(cells, minlength=GRID_SIZE * GRID_SIZE)
    rank = np.empty(len(points), np.int64)
    rank[by_cell] = np.arange(len(points)) - np.repeat(np.cumsum(counts) - counts, counts)
    return strongest_first[np.argsort(rank, kind="stable")[:limit]]
