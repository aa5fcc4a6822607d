import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.edits import tones
from indexer.edits.scene import Change
from tests.assets.edit_scenes import PICTURE, SIZE, compose_scene, correlation

BEFORE = np.asarray(PICTURE, np.float64)


def apply_to_scene(change: Change) -> NDArray[np.float64]:
    return np.asarray(change(compose_scene()), np.float64)


def mean_detail(values: NDArray[np.float64]) -> float:
    """Return the mean difference of neighbouring pixels."""
    return float(np.abs(np.diff(values, axis=1)).mean())


def test_colours_are_removed_rotated_or_reduced_to_two() -> None:
    grey = apply_to_scene(tones.to_grey)
    assert (np.ptp(grey, axis=2) == 0).all()
    assert (apply_to_scene(tones.invert) == 255 - BEFORE).all()
    assert tones.invert(compose_scene(picture=tones.invert(compose_scene()))) == PICTURE
    two = apply_to_scene(tones.apply_duotone).reshape(-1, 3)
    assert np.linalg.matrix_rank(np.cov((two - two.mean(0)).T), tol=30) <= 2
    assert np.unique(apply_to_scene(tones.posterise)).size <= 4


@pytest.mark.parametrize("change", [tones.blur(2.0), tones.blur_motion])
def test_blur_removes_detail(change: Change) -> None:
    assert mean_detail(apply_to_scene(change)) < 0.7 * mean_detail(BEFORE)


def test_sharpening_and_local_contrast_add_detail() -> None:
    assert mean_detail(apply_to_scene(tones.sharpen)) > 1.2 * mean_detail(BEFORE)
    assert mean_detail(apply_to_scene(tones.enhance_local_contrast)) > 1.1 * mean_detail(BEFORE)


def test_blurring_the_surroundings_keeps_the_centre_sharp() -> None:
    blurred = apply_to_scene(tones.blur_surroundings)
    assert np.abs(blurred - BEFORE)[80:100, 110:130].max() <= 1
    assert mean_detail(blurred[:20]) < 0.6 * mean_detail(BEFORE[:20])


def test_night_edit_darkens_and_noise_edit_is_equal_in_all_channels() -> None:
    assert apply_to_scene(tones.simulate_night).mean() < 0.5 * BEFORE.mean()
    flat = tones.add_noise(12)(compose_scene(picture=PICTURE.point(lambda _: 128)))
    values = np.asarray(flat, np.float64)
    assert (np.ptp(values, axis=2) == 0).all()
    assert values.std() == pytest.approx(12, rel=0.1)


@pytest.mark.parametrize("change", [tones.jitter_colours, tones.apply_vintage_look, tones.apply_filter, tones.upscale])
def test_filtered_picture_stays_recognisable(change: Change) -> None:
    filtered = change(compose_scene())
    assert filtered.size == SIZE
    assert 0.4 < correlation(PICTURE, filtered) < 0.999
