"""Scaling of pictures: reduced pictures are cheaper to process."""

import numpy as np
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2


def shrink_to(pixels: NDArray[np.uint8], side: int, interpolation: int = cv2.INTER_AREA) -> NDArray[np.uint8]:
    """Shrink to a long side of at most ``side`` pixels with an OpenCV interpolation; smaller pictures are unchanged."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return pixels
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation))


def resize_by_factor(grey: NDArray[np.uint8], factor: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Resize a grey picture by area averaging; return it with the 3×3 matrix from its pixels to the new ones."""
    size = max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor))
    across, down = size[0] / grey.shape[1], size[1] / grey.shape[0]
    matrix = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])
    return grey if size == get_size(grey) else np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA)), matrix


def get_size(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """Return width and height."""
    return pixels.shape[1], pixels.shape[0]
