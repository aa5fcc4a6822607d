import numpy as np

from indexer.layout.single_thread import cv2
from indexer.picture.gradients import compute_descriptors, compute_directions
from indexer.picture.keypoints import LAYERS, Keypoints, Pyramid
from tests.assets.sift import diameters, grey_picture, keypoints_without_doubling


def test_gradient_directions_match_opencv() -> None:
    picture = grey_picture(4)
    expected = keypoints_without_doubling(picture)
    octaves = np.array([keypoint.octave & 255 for keypoint in expected], np.int32)
    layers = np.array([np.log2(keypoint.size / 3.2) * 3 for keypoint in expected], np.float32) - 3 * octaves
    points = np.array([keypoint.pt for keypoint in expected], np.float32)
    same = Keypoints(points, octaves, layers.astype(np.float32), np.ones(len(expected), np.float32))
    rows, angles = compute_directions(Pyramid(picture), same)
    expected_angles = np.array([keypoint.angle for keypoint in expected])
    turned = [
        np.abs((angles[rows == row] - expected_angles[row] + 180) % 360 - 180).min() for row in range(len(expected))
    ]
    assert np.median(turned) < 3


def test_gradient_descriptors_match_opencv() -> None:
    picture = grey_picture(4)
    pyramid = Pyramid(picture)
    keypoints = pyramid.detect(0.01)
    rows, angles = compute_directions(pyramid, keypoints)
    keypoints = keypoints[rows]
    levels = np.clip(np.rint(keypoints.layers), 1, LAYERS).astype(int)
    columns = (
        keypoints.points[:, 0],
        keypoints.points[:, 1],
        diameters(keypoints),
        angles,
        keypoints.responses,
        keypoints.octaves | levels << 8,
    )
    rows_of_opencv = zip(*(column.tolist() for column in columns), strict=True)
    _, reference = cv2.SIFT_create().compute(picture, [cv2.KeyPoint(*row) for row in rows_of_opencv])
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    cosines = (compute_descriptors(pyramid, keypoints, angles) * reference).sum(axis=1)
    assert len(cosines) > 100
    assert np.percentile(cosines, 5) > 0.98
