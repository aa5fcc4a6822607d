"""Test how precisely one image aligns with another, and the rules' conclusions."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from indexer.compare import geometry
from indexer.compare.fit import measure_fit
from indexer.compare.pieces import align_in_pieces
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features, extract
from tests.assets.textured import encoded, textured

PICTURE = textured(61)


@pytest.fixture(scope="module")
def registered() -> Features:
    return extract(encoded(PICTURE))


def features_of(picture: Image.Image) -> Features:
    return extract(encoded(picture, "JPEG", 85))


def test_rough_transform_is_refined(registered: Features) -> None:
    rough = np.array([[1.01, 0, -2], [0.004, 0.995, 1.5], [0, 0, 1]])
    fit = measure_fit(features_of(PICTURE), registered, rough)
    corners = np.array([[0, 0, 1], [479, 0, 1], [479, 359, 1], [0, 359, 1]]) @ fit.transform.T
    assert corners[:, :2] / corners[:, 2:] == pytest.approx(np.array([[0, 0], [479, 0], [479, 359], [0, 359]]), abs=0.3)
    assert (fit.in_place > 0.95, fit.drift < 0.1, fit.patches > 200) == (True, True, True)


def raise_opencv_error(*_: object, **__: object) -> None:
    """Fail like OpenCV with unusable points."""
    raise cv2.error


def test_degenerate_points_do_not_crash_opencv(registered: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = features_of(PICTURE)
    for name in ("findHomography", "estimateAffine2D", "estimateAffinePartial2D"):
        monkeypatch.setattr(f"indexer.layout.single_thread.cv2.{name}", raise_opencv_error)
    assert measure_fit(copy, registered, np.eye(3)).transform == pytest.approx(np.eye(3))
    assert geometry.align(geometry.find_correspondences(copy, registered), copy, registered) is None
    pieced = align_in_pieces(copy, registered, geometry.find_correspondences(copy, registered))
    assert pieced is not None
    assert pieced.fit.transform == pytest.approx(np.eye(3))


def test_blurred_copy_is_aligned(registered: Features) -> None:
    fit = measure_fit(features_of(PICTURE.filter(ImageFilter.GaussianBlur(1.5))), registered, np.eye(3))
    assert fit.in_place - fit.drift > 0.6


def test_remainder_of_a_picture_is_aligned_and_an_overlay_is_not(registered: Features) -> None:
    changed = PICTURE.copy()
    changed.paste(textured(62).crop((0, 0, 240, 360)), (0, 0))
    fit = measure_fit(features_of(changed), registered, np.eye(3))
    assert fit.in_place == pytest.approx(0.5, abs=0.1)
    assert fit.drift < 0.2


def test_independently_moved_parts_increase_the_measured_drift(registered: Features) -> None:
    moved = PICTURE.copy()
    for x in range(0, 480, 120):
        moved.paste(PICTURE.crop((x, 0, x + 120, 356)), (x, 4 if x % 240 else 0))
    fit = measure_fit(features_of(moved), registered, np.eye(3))
    assert fit.drift > 1


def test_noise_displacement_stays_within_noise_limits(registered: Features) -> None:
    noise = np.random.default_rng(3).normal(0, 40, (360, 480, 1))
    noisy = Image.fromarray(np.clip(np.asarray(PICTURE) + noise, 0, 255).astype(np.uint8))
    moved = PICTURE.copy()
    for x in range(0, 480, 120):
        moved.paste(PICTURE.crop((x, 0, x + 120, 358)), (x, 2 if x % 240 else 0))
    assert measure_fit(features_of(noisy), registered, np.eye(3)).excess < 3
    assert measure_fit(features_of(moved), registered, np.eye(3)).excess > 6


def test_alignment_of_a_smaller_copy_is_measured_in_pixels_of_the_copy(registered: Features) -> None:
    small = PICTURE.resize((160, 120), Image.Resampling.LANCZOS)
    fit = measure_fit(features_of(small), registered, np.array([[3, 0, 1], [0, 3, 1], [0, 0, 1.0]]))
    assert (fit.in_place > 0.9, fit.drift < 0.2) == (True, True)


@pytest.mark.parametrize("transform", [np.diag([1e-3, 1e-3, 1.0]), np.array([[1, 0, 9e3], [0, 1, 0], [0, 0, 1.0]])])
def test_nothing_is_aligned_without_overlap(registered: Features, transform: np.ndarray) -> None:
    fit = measure_fit(features_of(PICTURE), registered, transform)
    assert (fit.patches, fit.in_place) == (0, 0.0)


def test_covered_part_is_not_part_of_the_visible_one(registered: Features) -> None:
    pixels = np.asarray(textured(3)).copy()
    covered = pixels.copy()
    covered[:, : pixels.shape[1] // 2] = 255
    whole, half = (
        measure_fit(features_of(Image.fromarray(copy)), features_of(Image.fromarray(pixels)), np.eye(3))
        for copy in (pixels, covered)
    )
    assert whole.visible > 0.95
    assert 0.35 < half.visible < 0.6
    assert half.in_place < 0.6
    assert half.visible_in_place > 0.9
    assert half.visible_excess < 1.5


def test_other_photograph_has_no_visible_part(registered: Features) -> None:
    fit = measure_fit(features_of(textured(99)), registered, np.eye(3))
    assert (fit.visible, fit.visible_in_place) == (0, 0)
