import numpy as np
import pytest

from indexer.layout.scaling import get_size, shrink_to


def test_large_picture_is_area_averaged_and_small_picture_is_unchanged() -> None:
    pixels = np.array([[0, 100], [200, 40]], np.uint8).repeat(40, axis=0).repeat(60, axis=1)
    assert shrink_to(pixels, 6).shape == (4, 6)
    assert shrink_to(pixels, 6)[0, 0] == 0
    assert shrink_to(pixels, 6)[3, 5] == 40
    assert shrink_to(pixels, 120) is pixels


@pytest.mark.parametrize("shape", [(1, 900), (900, 1, 3), (7, 3)])
def test_reduced_sides_are_never_zero(shape: tuple[int, ...]) -> None:
    small = shrink_to(np.zeros(shape, np.uint8), 4)
    assert max(small.shape[:2]) == 4
    assert get_size(small) == (small.shape[1], small.shape[0])
    assert min(small.shape) >= 1
