"""Quick local features: where they lie, which way they point, and that pictures without any do no harm."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.layout.single_thread import cv2
from indexer.picture.gradients import descriptors, directions
from indexer.picture.keypoints import LAYERS, SIGMA, Keypoints, Pyramid
from indexer.picture.local_features import MIRROR, QUICK_KEYPOINTS, quick_features
from tests.assets.textured import textured

SIZE = (480, 360)


def grey(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    return np.asarray(textured(seed, size).convert("L"))


def undoubled(picture: NDArray[np.uint8]) -> list[Any]:
    """What OpenCV finds in the picture that it hasn't doubled before."""
    found = cv2.SIFT_create(contrastThreshold=0.01, enable_precise_upscale=True).detect(picture, None)
    return [one for one in found if one.octave & 255 < 128]


def sizes(keypoints: Keypoints) -> NDArray[np.float32]:
    """Diameters in pixels of the picture, as OpenCV's keypoints carry them."""
    return np.asarray(2 * SIGMA * 2.0 ** (keypoints.layers / LAYERS + keypoints.octaves), np.float32)


def test_keypoints_lie_where_opencv_finds_them_with_the_same_size() -> None:
    picture = grey(3)
    ours = Pyramid(picture).detect(0.01)
    places = np.column_stack([ours.points, sizes(ours)])
    theirs = np.array([(*one.pt, one.size) for one in undoubled(picture)])
    away = np.abs(theirs[:, None] - places).max(axis=2).min(axis=1)
    assert len(theirs) > 100
    assert (away < 0.25).mean() > 0.8


def test_directions_are_those_of_opencv() -> None:
    picture = grey(4)
    theirs = undoubled(picture)
    octaves = np.array([one.octave & 255 for one in theirs], np.int32)
    layers = np.array([np.log2(one.size / 3.2) * 3 for one in theirs], np.float32) - 3 * octaves
    points = np.array([one.pt for one in theirs], np.float32)
    same = Keypoints(points, octaves, layers.astype(np.float32), np.ones(len(theirs), np.float32))
    rows, angles = directions(Pyramid(picture), same)
    wanted = np.array([one.angle for one in theirs])
    turned = [np.abs((angles[rows == row] - wanted[row] + 180) % 360 - 180).min() for row in range(len(theirs))]
    assert np.median(turned) < 3


def test_descriptors_are_those_of_opencv() -> None:
    picture = grey(4)
    pyramid = Pyramid(picture)
    found = pyramid.detect(0.01)
    rows, angles = directions(pyramid, found)
    found = found[rows]
    levels = np.clip(np.rint(found.layers), 1, LAYERS).astype(int)
    columns = found.points[:, 0], found.points[:, 1], sizes(found), angles, found.responses, found.octaves | levels << 8
    rows_of_opencv = zip(*(column.tolist() for column in columns), strict=True)
    _, theirs = cv2.SIFT_create().compute(picture, [cv2.KeyPoint(*row) for row in rows_of_opencv])
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    cosines = (descriptors(pyramid, found, angles) * theirs).sum(axis=1)
    assert len(cosines) > 100
    assert np.percentile(cosines, 5) > 0.98


def test_a_mirrored_picture_has_the_mirrored_descriptors() -> None:
    picture = grey(5)
    straight = quick_features(picture, SIZE)
    mirrored = quick_features(np.ascontiguousarray(picture[:, ::-1]), SIZE)
    moved = straight.points * [-1, 1] + [SIZE[0] - 1, 0]
    away = np.linalg.norm(mirrored.points[:, None] - moved, axis=2)
    pairs = [(row, int(away[row].argmin())) for row in range(len(mirrored)) if away[row].min() < 0.3]
    assert len(pairs) > len(mirrored) * 0.6
    unlike = [np.linalg.norm(mirrored.units[one] - straight.units[other, MIRROR]) for one, other in pairs]
    assert np.median(unlike) < 0.2


def test_another_picture_in_between_changes_nothing() -> None:
    first = quick_features(grey(6), SIZE)
    quick_features(grey(7, (700, 900)), (700, 900))
    again = quick_features(grey(6), SIZE)
    assert np.array_equal(first.points, again.points)
    assert np.array_equal(first.descriptors, again.descriptors)


def test_points_are_in_pixels_of_the_original() -> None:
    picture = grey(8)
    small, large = quick_features(picture, SIZE), quick_features(picture, (960, 720))
    assert np.allclose(large.points, (small.points + 0.5) * 2 - 0.5, atol=1e-3)
    assert len(small) <= QUICK_KEYPOINTS


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (8, 8), (9, 640), (300, 300)])
def test_a_picture_without_anything_in_it_has_no_features(shape: tuple[int, int]) -> None:
    assert len(quick_features(np.full(shape, 90, np.uint8), shape[::-1])) == 0


@pytest.mark.parametrize("shape", [(8, 8), (9, 640), (33, 17), (1000, 40)])
def test_odd_shapes_are_measured(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    found = quick_features(noise, shape[::-1])
    assert len(found.points) == len(found.descriptors)
    assert (found.points >= -1).all()
    assert (found.points <= np.array(shape[::-1])).all()
