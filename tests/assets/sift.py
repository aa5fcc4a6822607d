"""OpenCV's keypoints of a generated greyscale image, for comparison with Exhibit's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2
from indexer.picture.keypoints import LAYERS, SIGMA, Keypoints
from tests.assets.textured import textured

SIZE = (480, 360)


def grey_picture(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return a generated greyscale image, uint8."""
    return np.asarray(textured(seed, size).convert("L"))


def keypoints_without_doubling(picture: NDArray[np.uint8]) -> list[Any]:
    """Return OpenCV's keypoints that were not found in the doubled image."""
    keypoints = cv2.SIFT_create(contrastThreshold=0.01, enable_precise_upscale=True).detect(picture, None)
    return [keypoint for keypoint in keypoints if keypoint.octave & 255 < 128]


def diameters(keypoints: Keypoints) -> NDArray[np.float32]:
    """Return diameters in pixels of the image, as in OpenCV's keypoints."""
    return np.asarray(2 * SIGMA * 2.0 ** (keypoints.layers / LAYERS + keypoints.octaves), np.float32)
