import numpy as np
import pytest
from hypothesis import given, strategies as st

from exhibit.comparison.warp import compute_overlaps, warp
from exhibit.errors import InvalidRequestError
from tests.assets.badfiles import generate_photo

PHOTO = np.asarray(generate_photo(80, 60))
IDENTITY = np.eye(3)


def _scale_matrix(across: float, down: float) -> np.ndarray:
    """Return a matrix that enlarges an image and keeps its outer borders, not its pixel centres, in place."""
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])


def test_identity_transform_leaves_the_picture_unchanged() -> None:
    warped, mask = warp(PHOTO, IDENTITY, (80, 60))
    assert np.array_equal(warped, PHOTO)
    assert warped.dtype == np.uint8
    assert mask.all()


def test_grey_pictures_stay_grey() -> None:
    warped, mask = warp(PHOTO[..., 0], IDENTITY, (80, 60))
    assert np.array_equal(warped, PHOTO[..., 0])
    assert mask.shape == (60, 80)


def test_mirror_transform_mirrors_the_picture() -> None:
    warped, mask = warp(PHOTO, [[-1, 0, 79], [0, 1, 0], [0, 0, 1]], (80, 60))
    assert np.array_equal(warped, PHOTO[:, ::-1])
    assert mask.all()


def test_quarter_turn_transform_rotates_the_picture() -> None:
    warped, mask = warp(PHOTO, [[0, -1, 59], [1, 0, 0], [0, 0, 1]], (60, 80))
    assert np.array_equal(warped, np.rot90(PHOTO, -1))
    assert mask.all()


def test_pixels_outside_a_shifted_picture_are_black_and_masked_out() -> None:
    warped, mask = warp(PHOTO, [[1, 0, 10], [0, 1, -5], [0, 0, 1]], (80, 60))
    assert np.array_equal(warped[:55, 10:], PHOTO[5:, :70])
    assert mask[:55, 10:].all()
    assert not mask[:, :10].any()
    assert not mask[55:].any()
    assert not warped[~mask].any()


def test_half_pixel_shift_averages_two_pixels_and_rounds() -> None:
    row = np.array([[0, 10, 21, 255]], np.uint8)
    warped, mask = warp(row, [[1.0, 0.0, -0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], (4, 1))
    assert warped.tolist() == [[5, 16, 138, 0]]
    assert mask.tolist() == [[True, True, True, False]]


def test_perspective_transform_reads_each_pixel_from_its_source_position() -> None:
    matrix = np.array([[0.9, 0.1, 3.0], [-0.05, 1.1, 2.0], [0.001, 0.002, 1.0]])
    y, x = np.mgrid[0:60, 0:80].astype(np.float64)
    plane = np.round(x + y).astype(np.uint8)
    warped, mask = warp(plane, matrix, (70, 50))
    assert 0.3 < mask.mean() < 1
    for row, column in ((10, 20), (30, 40), (44, 50)):
        source = np.linalg.solve(matrix, [column, row, 1.0])
        assert mask[row, column]
        assert abs(int(warped[row, column]) - (source[0] + source[1]) / source[2]) < 1.01


def test_points_behind_the_horizon_are_hidden() -> None:
    matrix = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1 / 40, 0.0, 1.0]]
    _, mask = warp(PHOTO, matrix, (80, 60))
    assert mask[30, 10]
    assert not mask[:, 40:].any()


def test_scaling_the_transform_matrix_does_not_change_the_result() -> None:
    matrix = np.array([[0.9, 0.1, 3.0], [-0.05, 1.1, 2.0], [0.001, 0.002, 1.0]])
    first, mask = warp(PHOTO, matrix, (70, 50))
    for factor in (-1.0, 1e-6, 1e6):
        again, mask_again = warp(PHOTO, matrix * factor, (70, 50))
        assert np.array_equal(mask, mask_again)
        assert np.abs(first.astype(int) - again).max() <= 1


@pytest.mark.parametrize(
    "matrix", [np.zeros((3, 3)), np.diag([1.0, 0.0, 1.0]), np.eye(2), np.full((3, 3), np.nan), np.ones((3, 3))]
)
def test_invalid_transform_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(InvalidRequestError):
        warp(PHOTO, matrix, (80, 60))
    with pytest.raises(InvalidRequestError):
        compute_overlaps(matrix, (80, 60), (80, 60))


def test_picture_of_one_pixel_can_be_warped() -> None:
    warped, mask = warp(np.full((1, 1, 3), 7, np.uint8), IDENTITY, (2, 2))
    assert warped[0, 0].tolist() == [7, 7, 7]
    assert mask.tolist() == [[True, False], [False, False]]


@pytest.mark.parametrize(
    ("matrix", "source", "target", "expected"),
    [
        (IDENTITY, (80, 60), (80, 60), (1.0, 1.0)),
        (_scale_matrix(0.5, 0.5), (80, 60), (40, 30), (1.0, 1.0)),
        (_scale_matrix(2, 3), (10, 10), (20, 30), (1.0, 1.0)),
        ([[1, 0, 40], [0, 1, 0], [0, 0, 1]], (80, 60), (80, 60), (0.5, 0.5)),
        ([[1, 0, 40], [0, 1, 30], [0, 0, 1]], (40, 30), (80, 60), (0.25, 1.0)),
        ([[-1, 0, 79], [0, 1, 0], [0, 0, 1]], (80, 60), (80, 60), (1.0, 1.0)),
        ([[1, 0, 500], [0, 1, 0], [0, 0, 1]], (80, 60), (80, 60), (0.0, 0.0)),
        (_scale_matrix(3, 3), (80, 60), (80, 60), (1.0, 1 / 9)),
    ],
)
def test_overlap_shares_are_calculated(
    matrix: np.ndarray, source: tuple[int, int], target: tuple[int, int], expected: tuple[float, float]
) -> None:
    assert compute_overlaps(matrix, source, target) == pytest.approx(expected, abs=1e-9)
    assert compute_overlaps(np.asarray(matrix, float) * -2, source, target) == pytest.approx(expected, abs=1e-9)


@given(
    st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    st.lists(st.floats(-40, 40), min_size=2, max_size=2),
    st.lists(st.floats(-0.01, 0.01), min_size=2, max_size=2),
)
def test_overlap_shares_match_the_warp_mask(linear: list[float], shift: list[float], perspective: list[float]) -> None:
    matrix = np.array([[1 + linear[0], linear[1], shift[0]], [linear[2], 1 + linear[3], shift[1]], [*perspective, 1]])
    size = (40, 30)
    depths = [matrix[2] @ (x, y, 1.0) for x in (0, 39) for y in (0, 29)]
    with np.errstate(all="ignore"):
        collapses = not abs(np.linalg.det(matrix)) >= 0.05
    if collapses or min(depths) < 0.2:
        return
    of_target, of_source = compute_overlaps(matrix, size, size)
    assert 0 <= of_target <= 1
    assert 0 <= of_source <= 1
    enlarged = _scale_matrix(8, 8) @ matrix @ np.linalg.inv(_scale_matrix(8, 8))
    _, mask = warp(np.zeros((240, 320), np.uint8), enlarged, (320, 240))
    assert of_target == pytest.approx(mask.mean(), abs=0.03)
