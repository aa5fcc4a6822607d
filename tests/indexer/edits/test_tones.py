import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.edits import tones
from indexer.edits.scene import Change
from tests.assets.scenes import PICTURE, SIZE, likeness, scene

BEFORE = np.asarray(PICTURE, np.float64)


def after(change: Change) -> NDArray[np.float64]:
    return np.asarray(change(scene()), np.float64)


def detail(values: NDArray[np.float64]) -> float:
    """Return the mean difference of neighbouring pixels."""
    return float(np.abs(np.diff(values, axis=1)).mean())


def test_colours_go_turn_or_become_two() -> None:
    grey = after(tones.grey)
    assert (np.ptp(grey, axis=2) == 0).all()
    assert (after(tones.inverted) == 255 - BEFORE).all()
    assert tones.inverted(scene(picture=tones.inverted(scene()))) == PICTURE
    two = after(tones.duotone).reshape(-1, 3)
    assert np.linalg.matrix_rank(np.cov((two - two.mean(0)).T), tol=30) <= 2
    assert np.unique(after(tones.posterised)).size <= 4


@pytest.mark.parametrize("change", [tones.blurred(2.0), tones.motion_blurred])
def test_a_blur_takes_detail(change: Change) -> None:
    assert detail(after(change)) < 0.7 * detail(BEFORE)


def test_sharpening_and_local_contrast_add_detail() -> None:
    assert detail(after(tones.sharpened)) > 1.2 * detail(BEFORE)
    assert detail(after(tones.local_contrast)) > 1.1 * detail(BEFORE)


def test_only_the_middle_stays_sharp() -> None:
    made = after(tones.bokeh)
    assert np.abs(made - BEFORE)[80:100, 110:130].max() <= 1
    assert detail(made[:20]) < 0.6 * detail(BEFORE[:20])


def test_night_is_dark_and_noise_is_the_same_in_all_channels() -> None:
    assert after(tones.night).mean() < 0.5 * BEFORE.mean()
    flat = tones.noisy(12)(scene(picture=PICTURE.point(lambda _: 128)))
    values = np.asarray(flat, np.float64)
    assert (np.ptp(values, axis=2) == 0).all()
    assert values.std() == pytest.approx(12, rel=0.1)


@pytest.mark.parametrize("change", [tones.jittered, tones.vintage, tones.filtered, tones.upscaled])
def test_a_filter_leaves_the_picture_to_be_recognised(change: Change) -> None:
    made = change(scene())
    assert made.size == SIZE
    assert 0.4 < likeness(PICTURE, made) < 0.999
