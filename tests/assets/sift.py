"""What OpenCV finds in a made grey picture, beside what is found in it here."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2
from indexer.picture.keypoints import LAYERS, SIGMA, Keypoints
from tests.assets.textured import textured

SIZE = (480, 360)


def grey(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A made picture in grey, uint8."""
    return np.asarray(textured(seed, size).convert("L"))


def undoubled(picture: NDArray[np.uint8]) -> list[Any]:
    """What OpenCV finds in the picture that it hasn't doubled before."""
    found = cv2.SIFT_create(contrastThreshold=0.01, enable_precise_upscale=True).detect(picture, None)
    return [one for one in found if one.octave & 255 < 128]


def sizes(keypoints: Keypoints) -> NDArray[np.float32]:
    """Diameters in pixels of the picture, as OpenCV's keypoints carry them."""
    return np.asarray(2 * SIGMA * 2.0 ** (keypoints.layers / LAYERS + keypoints.octaves), np.float32)
