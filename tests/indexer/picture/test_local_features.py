"""Test positions and orientations of local features, and images without any."""

import numpy as np
import pytest

from indexer.layout.single_thread import cv2
from indexer.picture.local_features import (
    MIN_CONTRAST,
    MIRROR,
    compute_local_features,
)
from tests.assets.sift import SIZE, grey_picture

LIMIT = 300


def test_mirrored_picture_has_mirrored_descriptors() -> None:
    picture = grey_picture(5)
    straight = compute_local_features(picture, SIZE, LIMIT)
    mirrored = compute_local_features(np.ascontiguousarray(picture[:, ::-1]), SIZE, LIMIT)
    moved = straight.points * [-1, 1] + [SIZE[0] - 1, 0]
    away = np.linalg.norm(mirrored.points[:, None] - moved, axis=2)
    pairs = [(row, int(away[row].argmin())) for row in range(len(mirrored)) if away[row].min() < 0.3]
    assert len(pairs) > len(mirrored) * 0.6
    unlike = [np.linalg.norm(mirrored.unit_rows[first] - straight.unit_rows[other, MIRROR]) for first, other in pairs]
    assert np.median(unlike) < 0.2


def test_local_features_match_opencv() -> None:
    picture = grey_picture(4)
    opencv = cv2.SIFT_create(contrastThreshold=MIN_CONTRAST, enable_precise_upscale=True)
    keypoints, reference = opencv.detectAndCompute(picture, None)
    actual = compute_local_features(picture, SIZE, len(keypoints))
    near = np.linalg.norm(np.array([keypoint.pt for keypoint in keypoints])[:, None] - actual.points, axis=2) < 0.3
    is_near = near.any(axis=1)
    roots = np.sqrt(reference / reference.sum(axis=1, keepdims=True))  # of unit length
    alike = np.where(near, roots @ actual.unit_rows.T, -1).max(axis=1)
    assert len(keypoints) > 300
    assert is_near.mean() > 0.8
    assert np.median(alike[is_near]) > 0.98


def test_features_do_not_depend_on_the_picture_measured_before() -> None:
    first = compute_local_features(grey_picture(6), SIZE, LIMIT)
    compute_local_features(grey_picture(7, (700, 900)), (700, 900), LIMIT)
    again = compute_local_features(grey_picture(6), SIZE, LIMIT)
    assert np.array_equal(first.points, again.points)
    assert np.array_equal(first.descriptors, again.descriptors)


def test_keypoints_are_in_pixels_of_the_original_picture() -> None:
    picture = grey_picture(8)
    small, large = compute_local_features(picture, SIZE, LIMIT), compute_local_features(picture, (960, 720), LIMIT)
    assert np.allclose(large.points, (small.points + 0.5) * 2 - 0.5, atol=1e-3)
    assert len(small) <= LIMIT


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (8, 8), (9, 640), (300, 300)])
def test_blank_picture_has_no_features(shape: tuple[int, int]) -> None:
    assert len(compute_local_features(np.full(shape, 90, np.uint8), shape[::-1], LIMIT)) == 0


@pytest.mark.parametrize("shape", [(8, 8), (9, 640), (33, 17), (1000, 40)])
def test_unusual_shapes_are_measured(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    features = compute_local_features(noise, shape[::-1], LIMIT)
    assert len(features.points) == len(features.descriptors)
    assert (features.points >= -1).all()
    assert (features.points <= np.array(shape[::-1])).all()
