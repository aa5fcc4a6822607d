import random

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

from exhibit.comparison.similarity import (
    align_pair,
    compute_agreement,
    compute_crossing_agreement,
    compute_dense_similarity,
    measure_enlargement,
    refine_alignment,
)
from exhibit.errors import InvalidRequestError
from exhibit.types import Piece
from tests.assets.badfiles import encode

IDENTITY = np.eye(3)


def _scene(seed: int, width: int = 480, height: int = 360) -> Image.Image:
    """Return an image with edges and textures of many sizes, unique to the seed."""
    chance = random.Random(seed)
    picture = Image.new("RGB", (width, height), (120, 130, 140))
    draw = ImageDraw.Draw(picture)
    for _ in range(220):
        x, y, side = chance.randrange(width), chance.randrange(height), chance.randrange(8, 70)
        colour = tuple(chance.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + side, y + chance.randrange(8, 70)), fill=colour)
    return picture


SCENE = _scene(1)


def _array(picture: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(picture.convert("RGB"))


def _recompress(picture: Image.Image) -> Image.Image:
    from io import BytesIO

    return Image.open(BytesIO(encode(picture, "JPEG", quality=30)))


def test_picture_is_similar_to_itself() -> None:
    assert compute_dense_similarity(_array(SCENE), _array(SCENE), IDENTITY) == 1.0


def test_unrelated_pictures_are_not_similar() -> None:
    worst = max(compute_dense_similarity(_array(_scene(seed)), _array(SCENE), IDENTITY) for seed in range(2, 12))
    assert worst < 0.2


def test_tone_and_compression_edits_stay_similar() -> None:
    for edited in (
        _recompress(SCENE),
        SCENE.convert("L"),
        ImageEnhance.Brightness(SCENE).enhance(0.6),
        ImageEnhance.Contrast(SCENE).enhance(0.5),
    ):
        assert compute_dense_similarity(_array(edited), _array(SCENE), IDENTITY) > 0.9


@pytest.mark.parametrize("factor", [1.0, 0.4])
def test_small_copy_of_a_part_is_similar_when_magnified(factor: float) -> None:
    work = _scene(1, 1600, 1200)
    part = work.crop((700, 500, 1000, 720))
    small = part.resize((round(300 * factor), round(220 * factor)))
    away = (1 / factor - 1) / 2
    transform = np.array([[1 / factor, 0, 700 + away], [0, 1 / factor, 500 + away], [0, 0, 1]])
    pixels = _array(_recompress(small)), _array(work)
    alignment = refine_alignment(*pixels, transform, (), align_pair(*pixels, transform)[1])
    agreeing, windows = compute_agreement(*alignment)
    assert agreeing > 0.9
    assert windows > 1600
    assert compute_crossing_agreement(*alignment)[0] > 0.8


def test_edges_agree_with_any_edge_but_crossing_gradients_do_not() -> None:
    sea, shelf = Image.new("L", (480, 360), 220), Image.new("L", (480, 360), 160)
    sea.paste(40, (0, 180, 480, 360))
    shelf.paste(90, (0, 180, 480, 360))
    shelf.paste(0, (40, 60, 70, 90))
    alignment = align_pair(_array(shelf.convert("RGB")), _array(sea.convert("RGB")), IDENTITY)
    assert compute_agreement(*alignment)[0] > 0.6
    assert compute_crossing_agreement(*alignment) == (0.0, 0)


def test_copy_agrees_at_crossing_gradients() -> None:
    agreeing, windows = compute_crossing_agreement(*align_pair(_array(_recompress(SCENE)), _array(SCENE), IDENTITY))
    assert agreeing > 0.9
    assert windows > 1000


def _scraps(side: int, factor: float) -> list[Piece]:
    """Cut the scene into squares, each of which shows a speck of another image, enlarged by ``factor``."""
    boxes = [(x, y, x + side, y + side) for y in range(0, 360, side) for x in range(0, 480, side)]
    return [Piece(box, ((factor, 0, box[0] - 90), (0, factor, box[1] - 90), (0, 0, 1))) for box in boxes]


def test_enlargement_factor_is_computed_from_the_transform() -> None:
    picture, whole = _array(_scene(2)), np.ones((144, 192), np.bool_)
    assert measure_enlargement(picture.shape, whole, np.diag([3.0, 0.75, 1.0]), ()) == pytest.approx(1.5)
    assert measure_enlargement(picture.shape, whole, IDENTITY, _scraps(40, 15.0)) == pytest.approx(15)
    sloping, depth = np.linalg.inv(np.array([[1.0, 0, 0], [0, 1, 0], [0.04, 0, 1]])), 1 + 0.04 * 480 * 0.75
    assert measure_enlargement(picture.shape, whole, sloping, ()) == pytest.approx(depth**1.5, rel=0.02)
    alignment = refine_alignment(picture, _array(SCENE), IDENTITY, _scraps(40, 15.0), whole)
    assert max(alignment[1].shape) == 480 / 15
    assert compute_agreement(*alignment)[1] < 800


@pytest.mark.parametrize("factor", [0.25, 0.5, 2.0])
def test_different_size_does_not_change_similarity(factor: float) -> None:
    size = (int(480 * factor), int(360 * factor))
    shift = (1 / factor - 1) / 2
    matrix = [[1 / factor, 0.0, shift], [0.0, 1 / factor, shift], [0.0, 0.0, 1.0]]
    assert compute_dense_similarity(_array(SCENE.resize(size)), _array(SCENE), matrix) > 0.95


def test_mirrored_picture_requires_mirrored_transform() -> None:
    mirrored = _array(SCENE)[:, ::-1]
    assert compute_dense_similarity(mirrored, _array(SCENE), [[-1, 0, 479], [0, 1, 0], [0, 0, 1]]) > 0.99
    assert compute_dense_similarity(mirrored, _array(SCENE), IDENTITY) < 0.2


def test_picture_rotated_by_a_quarter_turn_is_similar_under_its_transform() -> None:
    turned = np.rot90(_array(SCENE), -1)
    assert compute_dense_similarity(turned, _array(SCENE), [[0, 1, 0], [-1, 0, 359], [0, 0, 1]]) > 0.99


def test_similarity_of_a_crop_uses_only_its_visible_area() -> None:
    crop = _array(SCENE.crop((100, 60, 300, 220)))
    assert compute_dense_similarity(crop, _array(SCENE), [[1, 0, 100], [0, 1, 60], [0, 0, 1]]) > 0.97
    assert compute_dense_similarity(crop, _array(SCENE), [[1, 0, 130], [0, 1, 60], [0, 0, 1]]) < 0.3


def test_picture_is_similar_to_a_larger_picture_that_contains_it() -> None:
    page = Image.new("RGB", (1000, 800), "white")
    page.paste(SCENE.resize((240, 180)), (500, 300))
    matrix = [[2.0, 0.0, 0.5 - 1000], [0.0, 2.0, 0.5 - 600], [0.0, 0.0, 1.0]]
    assert compute_dense_similarity(_array(page), _array(SCENE), matrix) > 0.95


def test_half_replaced_picture_is_half_similar() -> None:
    half = _array(SCENE).copy()
    half[:, 240:] = _array(_scene(9))[:, 240:]
    assert 0.4 < compute_dense_similarity(half, _array(SCENE), IDENTITY) < 0.65


def test_flat_pictures_and_pictures_without_overlap_have_no_similarity() -> None:
    flat = np.full((100, 100, 3), 90, np.uint8)
    assert compute_dense_similarity(flat, flat, IDENTITY) == 0.0
    assert compute_dense_similarity(_array(SCENE), _array(SCENE), [[1, 0, 5000], [0, 1, 0], [0, 0, 1]]) == 0.0
    assert compute_dense_similarity(np.zeros((1, 1, 3), np.uint8), _array(SCENE), IDENTITY) == 0.0
    assert compute_dense_similarity(_array(SCENE)[:8], _array(SCENE)[:8], IDENTITY) == 0.0


def test_texture_is_not_similar_to_plain_area() -> None:
    flat = np.full((360, 480, 3), 90, np.uint8)
    assert compute_dense_similarity(flat, _array(SCENE), IDENTITY) == 0.0


def test_negative_is_not_similar() -> None:
    assert compute_dense_similarity(255 - _array(SCENE), _array(SCENE), IDENTITY) < 0.05


def test_collapsed_transform_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        compute_dense_similarity(_array(SCENE), _array(SCENE), np.diag([1.0, 0.0, 1.0]))


def test_similarity_is_deterministic_across_machines() -> None:
    y, x = np.mgrid[0:150, 0:200].astype(np.int64)
    first = np.stack([(x * 7 + y * 3) % 256, (x * y // 16) % 256, (x // 9 * 40 + y // 7 * 25) % 256], -1)
    second = np.stack([(x * 7 + y * 4) % 256, (x * y // 17) % 256, (x // 9 * 40 + y // 7 * 25) % 256], -1)
    matrix = [[1.02, 0.01, -2.0], [-0.01, 0.99, 1.0], [1e-5, -2e-5, 1.0]]
    figure = compute_dense_similarity(first.astype(np.uint8), second.astype(np.uint8), matrix)
    assert figure == compute_dense_similarity(first.astype(np.uint8), second.astype(np.uint8), matrix)
    assert figure == pytest.approx(0.357, abs=0.002)


@pytest.mark.long
def test_reference_definition_gives_the_same_similarity() -> None:
    """Test steps 4 to 6 with a literal, slow implementation, on fully visible images with a long side of 192."""
    first, second = _array(_scene(3, 192, 48)), _array(_scene(3, 192, 48)).copy()
    second[:, 90:] = _array(_scene(4, 192, 48))[:, 90:]
    blurred = [_reference_blur(_reference_grey(picture)) for picture in (first, second)]
    textured = agreeing = 0
    for top in range(48 - 11):
        for column in range(192 - 11):
            a, b = (picture[top : top + 12, column : column + 12] for picture in blurred)
            if max(a.var(), b.var()) > 9:
                textured += 1
                covariance = (a * b).mean() - a.mean() * b.mean()
                agreeing += min(a.var(), b.var()) > 9 and covariance / np.sqrt(a.var() * b.var()) > 0.6
    assert 0.3 < agreeing / textured < 0.7
    assert compute_dense_similarity(first, second, IDENTITY) == pytest.approx(agreeing / textured, abs=1e-3)


def _reference_grey(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    red, green, blue = (picture[..., channel].astype(np.int64) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.float64)


def _reference_blur(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.zeros_like(grey)
    height, width = grey.shape
    for y in range(height):
        for x in range(width):
            rows, columns = np.mgrid[max(0, y - 4) : min(height, y + 5), max(0, x - 4) : min(width, x + 5)]
            weights = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 2)
            out[y, x] = (weights * grey[rows, columns]).sum() / weights.sum()
    return out
