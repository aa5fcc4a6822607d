from threading import Barrier, Event, Thread

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from indexer.picture.keypoints import Pyramid
from tests.assets.sift import diameters, grey_picture, keypoints_without_doubling


def test_keypoints_match_opencv_position_and_size() -> None:
    picture = grey_picture(3)
    actual = Pyramid(picture).detect(0.01)
    places = np.column_stack([actual.points, diameters(actual)])
    expected = np.array([(*keypoint.pt, keypoint.size) for keypoint in keypoints_without_doubling(picture)])
    away = np.abs(expected[:, None] - places).max(axis=2).min(axis=1)
    assert len(expected) > 100
    assert (away < 0.25).mean() > 0.8


def test_threads_release_the_memory_of_measured_pictures() -> None:
    picture, barrier, over = np.tile(grey_picture(3), (4, 4))[:1024, :1024], Barrier(4), Event()

    def measure() -> None:
        Pyramid(picture).detect(0.01)
        barrier.wait(60)
        over.wait(60)

    measure_once = Thread(target=lambda: Pyramid(picture).detect(0.01))
    measure_once.start()
    measure_once.join()
    before = psutil.Process().memory_info().rss
    threads = [Thread(target=measure) for _ in range(3)]
    for thread in threads:
        thread.start()
    barrier.wait(60)
    growth = psutil.Process().memory_info().rss - before
    over.set()
    for thread in threads:
        thread.join()
    assert growth < 60_000_000  # of 190 MB


@pytest.mark.long
def test_keypoint_is_the_peak_of_the_fitted_parabola() -> None:
    pyramid = Pyramid(grey_picture(3))
    keypoints = pyramid.detect(0.01)
    assert len(keypoints) > 100
    for (x, y), octave, layer, response in zip(
        keypoints.points, keypoints.octaves, keypoints.layers, keypoints.responses, strict=True
    ):
        place = np.array([layer, y / 2**octave, x / 2**octave])
        level, row, column = np.rint(place).astype(int)
        levels = np.array(pyramid.levels.images[octave][level - 1 : level + 3], np.float64)
        cube = np.diff(levels[:, row - 1 : row + 2, column - 1 : column + 2], axis=0) / 255
        slopes = (cube[[2, 1, 1], [1, 2, 1], [1, 1, 2]] - cube[[0, 1, 1], [1, 0, 1], [1, 1, 0]]) / 2
        curves = np.array([[_twice(cube, first, other) for other in range(3)] for first in range(3)])
        away = -np.linalg.solve(curves, slopes)
        assert np.abs(place - (level, row, column) - away).max() < 1e-3
        assert abs(response - abs(cube[1, 1, 1] + slopes @ away / 2)) < 1e-5


def _twice(cube: NDArray[np.float64], axis: int, other: int) -> float:
    """Return the second derivative at the centre of a cube along two axes, from neighbouring values."""
    first, second = np.eye(3, dtype=int)[[axis, other]]
    if axis == other:
        return float(cube[tuple(1 + first)] - 2 * cube[1, 1, 1] + cube[tuple(1 - first)])
    around = [cube[tuple(1 + a * first + b * second)] * a * b for a in (1, -1) for b in (1, -1)]
    return float(sum(around)) / 4
