"""Local features: SIFT keypoints with RootSIFT descriptors as bytes.

Sources: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (2004); Arandjelović and Zisserman, "Three
things everyone should know to improve object retrieval" (2012).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.single_thread import cv2

CONTRAST = 0.01
"""Threshold of the detector: half the usual one, so that smooth pictures have keypoints too."""
STRONG = 0.02 / 3
"""Response (contrast over octave layers) from which a keypoint says something of the picture, not of its noise."""
GRID = 8
"""Keypoints are chosen evenly from so many by so many cells: else the text of a page takes them all."""
WIDTH = 128


def _mirror_permutation() -> NDArray[np.intp]:
    """Where each of the 4×4×8 cells of a descriptor goes when its picture is mirrored top to bottom of the patch."""
    row, column, angle = np.meshgrid(np.arange(4), np.arange(4), np.arange(8), indexing="ij")
    return ((3 - row) * 32 + column * 8 + (8 - angle) % 8).ravel()


MIRROR = _mirror_permutation()


@dataclass(frozen=True)
class LocalFeatures:
    """Keypoints of one picture, strongest of each region first.

    Attributes:
        points: float32, shape (n, 2): x and y in original pixels, pixel centres at whole numbers.
        descriptors: uint8, shape (n, 128): square roots of the L1-normalised SIFT descriptor, times 512.
        strong: how many keypoints of good contrast were detected, before any were chosen.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    strong: int

    def __len__(self) -> int:
        return len(self.points)

    @cached_property
    def units(self) -> NDArray[np.float32]:
        """The descriptors as float32 rows of unit length."""
        rows = self.descriptors.astype(np.float32)
        return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9), np.float32)

    @cached_property
    def mirrored_units(self) -> NDArray[np.float32]:
        """What :attr:`units` would be for the same keypoints of the mirrored picture."""
        return np.ascontiguousarray(self.units[:, MIRROR])


NOTHING = LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, WIDTH), np.uint8), 0)
LEAST_SIDE = 8
"""Pixels; SIFT's pyramid has no level for smaller pictures."""


def local_features(grey: NDArray[np.uint8], size: tuple[int, int], most: int) -> LocalFeatures:
    """Detect and describe.

    Args:
        grey: uint8, shape (height, width).
        size: width and height of the original.
        most: how many keypoints at most.
    """
    if min(grey.shape) < LEAST_SIDE:
        return NOTHING
    detector = cv2.SIFT_create(contrastThreshold=CONTRAST, enable_precise_upscale=True)
    detected = detector.detect(grey, None)
    responses = np.array([keypoint.response for keypoint in detected])
    chosen = _evenly(np.array([keypoint.pt for keypoint in detected]).reshape(-1, 2), responses, grey.shape, most)
    keypoints, raw = detector.compute(grey, [detected[index] for index in chosen])
    if raw is None or not keypoints:
        return NOTHING
    points = np.array([keypoint.pt for keypoint in keypoints])
    factors = np.array(size) / np.array(grey.shape[::-1])
    roots = np.sqrt(raw / (raw.sum(axis=1, keepdims=True) + 1e-9))
    return LocalFeatures(
        points=((points + 0.5) * factors - 0.5).astype(np.float32),
        descriptors=np.minimum(255, np.round(roots * 512)).astype(np.uint8),
        strong=int((responses >= STRONG).sum()),
    )


def _evenly(
    points: NDArray[np.float64], responses: NDArray[np.float64], shape: tuple[int, ...], most: int
) -> NDArray[np.intp]:
    """Row numbers of the keypoints to keep: the strongest of each cell, then each second one, and so on."""
    strongest = np.argsort(-responses, kind="stable")
    cells = np.minimum(GRID - 1, (points[strongest] / shape[1::-1] * GRID).astype(np.int64)) @ [1, GRID]
    by_cell = np.argsort(cells, kind="stable")
    counts = np.bincount(cells, minlength=GRID * GRID)
    rank = np.empty(len(points), np.int64)
    rank[by_cell] = np.arange(len(points)) - np.repeat(np.cumsum(counts) - counts, counts)
    return strongest[np.argsort(rank, kind="stable")[:most]]
