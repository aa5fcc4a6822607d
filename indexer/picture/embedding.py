"""The copy-detection descriptor of a picture and of parts of it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from indexer.layout.orientation import Box
from indexer.picture.descriptor import BUILT_IN, Descriptor

CENTRE_SHARE = 0.6
TILE_SHARE = 0.5


def embeddings(
    pixels: NDArray[np.uint8], panels: Iterable[Box] = (), descriptor: Descriptor = BUILT_IN
) -> NDArray[np.float32]:
    """The descriptors of a picture, uint8 RGB, of its centre and of its panels, rectangles in these pixels.

    float32, one row of unit length for each of those, as wide as the network's space.
    """
    return descriptor.vectors([pixels, centre(pixels), *(_inside(pixels, box) for box in panels)])


def tiles(pixels: NDArray[np.uint8], descriptor: Descriptor = BUILT_IN) -> NDArray[np.float32]:
    """The descriptors of the four quarters of a picture, as :func:`embeddings`."""
    height, width = pixels.shape[:2]
    high, wide = max(1, round(height * TILE_SHARE)), max(1, round(width * TILE_SHARE))
    corners = [(0, 0), (0, width - wide), (height - high, 0), (height - high, width - wide)]
    return descriptor.vectors([pixels[top : top + high, left : left + wide] for top, left in corners])


def centre(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle part of a picture, which is described besides the whole."""
    height, width = pixels.shape[:2]
    high, wide = max(1, round(height * CENTRE_SHARE)), max(1, round(width * CENTRE_SHARE))
    top, left = (height - high) // 2, (width - wide) // 2
    return pixels[top : top + high, left : left + wide]


def _inside(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    left, top = round(box.left), round(box.top)
    return pixels[top : max(top + 1, round(box.bottom)), left : max(left + 1, round(box.right))]
