"""Test copies that no single transform describes."""

import numpy as np
import pytest
from PIL import Image

from exhibit.comparison.similarity import compute_dense_similarity
from exhibit.types import Decision
from indexer.compare.decision import verify
from indexer.compare.geometry import find_agreeing_matches, find_correspondences
from indexer.compare.pieces import align_in_pieces
from indexer.layout.single_thread import cv2
from indexer.picture.features import Features
from tests.assets.edited_pictures import PICTURE, cached_features
from tests.assets.textured import encoded, textured

PIXELS = np.asarray(PICTURE)
HEIGHT, WIDTH = PIXELS.shape[:2]
AMPLITUDE = 5


def bend(strength: float) -> Image.Image:
    """Distort the image like a wide-angle lens."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    middle = np.array([WIDTH / 2, HEIGHT / 2], np.float32)
    half = WIDTH / 2
    factor = 1 + strength * (((x - middle[0]) / half) ** 2 + ((y - middle[1]) / half) ** 2 - 0.6)
    places = (x - middle[0]) * factor + middle[0], (y - middle[1]) * factor + middle[1]
    return Image.fromarray(cv2.remap(PIXELS, *places, cv2.INTER_LINEAR))


def wave_rows() -> Image.Image:
    """Shift the rows by a sine."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return Image.fromarray(
        cv2.remap(PIXELS, x + AMPLITUDE * np.sin(y / 40), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    )


def separate_strips() -> Image.Image:
    """Return three strips in another order, at different heights, on white."""
    sheet = Image.new("RGB", (WIDTH + 80, HEIGHT + 80), "white")
    strip = WIDTH // 3
    for place, number in enumerate((2, 0, 1)):
        part = PICTURE.crop((number * strip, 0, (number + 1) * strip, HEIGHT))
        sheet.paste(part, (10 + place * (strip + 20), (40, 5, 70)[place]))
    return sheet


def mirror_and_wave() -> Image.Image:
    """Return the mirrored waves."""
    return wave_rows().transpose(Image.Transpose.FLIP_LEFT_RIGHT)


@pytest.fixture(scope="module")
def registered() -> Features:
    return cached_features(encoded(PICTURE))


COPIES = {
    "barrel": bend(0.35),
    "pincushion": bend(-0.3),
    "waves": wave_rows(),
    "apart": separate_strips(),
    "mirrored": mirror_and_wave(),
}


@pytest.mark.parametrize("name", COPIES)
def test_copy_without_single_transform_is_found(registered: Features, name: str) -> None:
    verification = verify(cached_features(encoded(COPIES[name], "JPEG", 80)), registered)
    assert verification.decision is (Decision.CERTAIN if name == "apart" else verification.decision)
    assert verification.decision is not Decision.NONE
    assert "pieces" in verification.reasons
    assert verification.pieces
    assert verification.mirrored == (name == "mirrored")
    assert (verification.figures["cover"] or 0) > 0.7
    assert (verification.exposure or 0) > 0


@pytest.mark.parametrize("name", COPIES)
def test_pieces_are_derived_from_the_pictures(registered: Features, name: str) -> None:
    data = encoded(COPIES[name])
    verification = verify(cached_features(data), registered)
    pixels = np.asarray(COPIES[name].convert("RGB"))
    assert verification.transform is not None
    again = compute_dense_similarity(pixels, PIXELS, verification.transform, verification.pieces)
    assert again == pytest.approx(verification.dense, abs=0.02)


def test_pieces_of_a_bent_copy_follow_the_bend(registered: Features) -> None:
    features = cached_features(encoded(wave_rows()))
    pieces = align_in_pieces(features, registered, find_correspondences(features, registered))
    assert pieces is not None
    for piece in pieces.pieces:
        x0, top, right, bottom = piece.box
        mapped = np.linalg.inv(np.array(piece.transform)) @ [(x0 + right) / 2, (top + bottom) / 2, 1]
        x, y = mapped[:2] / mapped[2]
        assert y == pytest.approx((top + bottom) / 2, abs=0.7)
        assert x + AMPLITUDE * np.sin(y / 40) == pytest.approx((x0 + right) / 2, abs=1)


@pytest.mark.long
def test_unrelated_pictures_have_no_agreeing_neighbourhoods(registered: Features) -> None:
    for seed in range(5):
        features = cached_features(encoded(textured(900 + seed)))
        assert align_in_pieces(features, registered, find_correspondences(features, registered)) is None
        assert verify(features, registered).decision is Decision.NONE


def exposure(step: float, seed: int) -> Image.Image:
    """Return a scene of four distances from a camera position, with the noise of one moment."""
    rng, chance = np.random.default_rng(8), np.random.default_rng(seed)
    scene = np.asarray(textured(70)).astype(np.float32)
    for distance, depth in enumerate((6.0, 13.0, 22.0)):
        shape = cv2.resize(rng.normal(0, 1, (6, 8)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        moving = np.array([[1, 0, step * depth], [0, 1, step * depth / 4]], np.float32)
        layer, mask = (
            cv2.warpAffine(part, moving, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
            for part in (np.asarray(textured(71 + distance)), (shape > 0.4).astype(np.float32))
        )
        scene += (layer - scene) * mask[..., None]
    return Image.fromarray(np.clip(scene + chance.normal(0, 4, scene.shape), 0, 255).astype(np.uint8))


@pytest.mark.long
@pytest.mark.parametrize("step", [0.5, 1.0])
def test_other_exposure_of_a_scene_is_not_certain(step: float) -> None:
    registered, picture = (cached_features(encoded(exposure(*moment))) for moment in ((0, 1), (step, 2)))
    pieces = align_in_pieces(picture, registered, find_correspondences(picture, registered))
    assert pieces is not None
    assert verify(picture, registered).decision is not Decision.CERTAIN


def test_few_matches_have_no_neighbourhoods() -> None:
    points = np.arange(20.0).reshape(10, 2)
    agrees, linear = find_agreeing_matches(points, points)
    assert not agrees.any()
    assert linear.shape == (10, 2, 2)
