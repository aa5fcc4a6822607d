"""Details are pasted, removed and forged where the product looks for them."""

import numpy as np

from bench.cheats import keypoints
from bench.cheats.truth import psnr
from indexer.picture.local_features import quick_features
from tests.bench.cheats.scenes import STRANGER, WORK, chance


def test_patches_lie_where_they_were_laid_and_know_where_they_come_from() -> None:
    places = np.array([[100, 120], [300, 200]], np.float32)
    landing = np.array([[400, 300], [60, 60]], np.float32)
    canvas = keypoints.pasted(STRANGER, WORK, 32, places, landing, 1.0)
    assert np.abs(canvas.pixels[296:304, 396:404].astype(int) - WORK[116:124, 96:104]).max() <= 1
    assert canvas.origin[300, 400].tolist() == [100, 120]
    assert 0.8 * 2 * 32**2 < (~np.isnan(canvas.origin[..., 0])).sum() <= 2 * 32**2
    untouched = np.isnan(canvas.origin[..., 0])
    assert (canvas.pixels[untouched] == STRANGER[untouched]).mean() > 0.99


def test_a_patch_that_leaves_the_picture_is_left_out() -> None:
    edge = np.array([[2, 2]], np.float32)
    assert np.isnan(keypoints.pasted(STRANGER, WORK, 32, edge, edge, 1.0).origin).all()


def details(pixels: np.ndarray) -> np.ndarray:
    """Strong details of a picture's grey form, in pixels."""
    grey = pixels.mean(axis=2).astype(np.uint8)
    return quick_features(grey, (pixels.shape[1], pixels.shape[0])).points


def strong(pixels: np.ndarray) -> int:
    """How many details say something of the picture, and not of its noise."""
    return quick_features(pixels.mean(axis=2).astype(np.uint8), (pixels.shape[1], pixels.shape[0])).strong


def kept(before: np.ndarray, after: np.ndarray) -> float:
    """Share of details near which there still is one."""
    near = np.linalg.norm(before[:, None] - after[None], axis=2).min(axis=1) < 3
    return float(near.mean())


def test_smoothing_leaves_fewer_details() -> None:
    made = keypoints.removed(WORK)
    assert strong(made) < 0.6 * strong(WORK)
    assert kept(details(WORK), details(made)) < 0.6
    assert (psnr(made, WORK) or 0) > 15


def test_forged_spots_take_the_place_of_the_pictures_own_details() -> None:
    made = keypoints.forged(WORK, chance(), 80)
    assert kept(details(WORK), details(made)) < kept(details(WORK), details(keypoints.forged(WORK, chance(), 5)))
    assert kept(details(WORK), details(made)) < 0.6
