"""The copy-detection descriptor of a picture and of parts of it."""

import numpy as np
from numpy.typing import NDArray

from indexer.descriptor import BUILT_IN, Descriptor
from indexer.spaces import CENTRE, TILES, WHOLE

CENTRE_SHARE = 0.6
TILE_SHARE = 0.5
PARTS = (WHOLE, CENTRE, *TILES)


def embeddings(pixels: NDArray[np.uint8], descriptor: Descriptor = BUILT_IN) -> NDArray[np.float32]:
    """The descriptors of a picture and its parts.

    Args:
        pixels: uint8 RGB, shape (height, width, 3).
        descriptor: the network.

    Returns:
        float32, one row of unit length for each of :data:`PARTS`, as wide as the network's space.
    """
    return descriptor.vectors(_parts(pixels))


def _parts(pixels: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    height, width = pixels.shape[:2]
    high, wide = max(1, round(height * TILE_SHARE)), max(1, round(width * TILE_SHARE))
    corners = [(0, 0), (0, width - wide), (height - high, 0), (height - high, width - wide)]
    tiles = [pixels[top : top + high, left : left + wide] for top, left in corners]
    high, wide = max(1, round(height * CENTRE_SHARE)), max(1, round(width * CENTRE_SHARE))
    top, left = (height - high) // 2, (width - wide) // 2
    return [pixels, pixels[top : top + high, left : left + wide], *tiles]
