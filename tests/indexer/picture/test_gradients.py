import numpy as np

from indexer.layout.single_thread import cv2
from indexer.picture.gradients import descriptors, directions
from indexer.picture.keypoints import LAYERS, Keypoints, Pyramid
from tests.assets.sift import grey, sizes, undoubled


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
