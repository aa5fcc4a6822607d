"""Pictures in a size that is cheaper to look at."""

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2


def at_most(pixels: NDArray[np.uint8], side: int, how: int = cv2.INTER_AREA) -> NDArray[np.uint8]:
    """Shrink to a long side of at most ``side`` pixels by one of OpenCV's ways; what is smaller stays as it is."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=how))


def size_of(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """Width and height."""
    return pixels.shape[1], pixels.shape[0]
