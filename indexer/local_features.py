"""Local features: SIFT keypoints with RootSIFT descriptors as bytes.

Sources: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints" (2004); Arandjelović and Zisserman, "Three
things everyone should know to improve object retrieval" (2012).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from indexer.single_thread import cv2

CONTRAST = 0.02
WIDTH = 128


def _mirror_permutation() -> NDArray[np.intp]:
    """Where each of the 4×4×8 cells of a descriptor goes when its picture is mirrored top to bottom of the patch."""
    row, column, angle = np.meshgrid(np.arange(4), np.arange(4), np.arange(8), indexing="ij")
    return ((3 - row) * 32 + column * 8 + (8 - angle) % 8).ravel()


MIRROR = _mirror_permutation()


@dataclass(frozen=True)
class LocalFeatures:
    """Keypoints of one picture, strongest first.

    Attributes:
        points: float32, shape (n, 2): x and y in original pixels, pixel centres at whole numbers.
        descriptors: uint8, shape (n, 128): square roots of the L1-normalised SIFT descriptor, times 512.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

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


def local_features(grey: NDArray[np.uint8], size: tuple[int, int], most: int) -> LocalFeatures:
    """Detect and describe.

    Args:
        grey: uint8, shape (height, width).
        size: width and height of the original.
        most: how many keypoints at most; the strongest stay.
    """
    detector = cv2.SIFT_create(nfeatures=most, contrastThreshold=CONTRAST, enable_precise_upscale=True)
    keypoints, raw = detector.detectAndCompute(grey, None)
    if raw is None or not keypoints:
        return LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, WIDTH), np.uint8))
    order = np.argsort([-keypoint.response for keypoint in keypoints], kind="stable")[:most]
    points = np.array([keypoints[index].pt for index in order], np.float32)
    roots = np.sqrt(raw[order] / (raw[order].sum(axis=1, keepdims=True) + 1e-9))
    descriptors = np.minimum(255, np.round(roots * 512)).astype(np.uint8)
    factors = np.array(size, np.float32) / np.array(grey.shape[::-1], np.float32)
    return LocalFeatures(np.asarray((points + 0.5) * factors - 0.5, np.float32), descriptors)
