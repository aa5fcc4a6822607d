import numpy as np
import pytest
from PIL import Image

from indexer.layout.orientation import ORIENTATIONS, Box, compute_alignment
from tests.assets.edited_pictures import ALL_ORIENTATIONS


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientation_alignment_maps_pixels_to_new_positions(orientation: int) -> None:
    pixels = np.arange(5 * 7, dtype=np.uint8).reshape(5, 7)
    turned = np.asarray(ALL_ORIENTATIONS[orientation](Image.fromarray(pixels)))
    transform = compute_alignment(orientation, Box(0, 0, 7, 5), Box(0, 0, turned.shape[1], turned.shape[0]))
    for y in range(5):
        for x in range(7):
            moved = transform @ (x, y, 1)
            assert turned[round(moved[1]), round(moved[0])] == pixels[y, x]
