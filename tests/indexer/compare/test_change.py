"""Test which changes of a copy are read from its transform."""

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.compare.change import Change, PartPosition, derive_change

WORK = (400, 200)
HALF = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1.0]])
MIRROR = np.array([[-1, 0, 399], [0, 1, 0], [0, 0, 1.0]])


def change_from(transform: NDArray[np.float64], size: tuple[int, int]) -> Change:
    actual = derive_change(transform, size, WORK)
    assert actual is not None
    return actual


def test_unchanged_copy_is_described_without_changes() -> None:
    whole = PartPosition.WHOLE
    unchanged = Change(1.0, whole, whole, False, 0, 1.0, 1.0, False)  # noqa: FBT003 - fields
    assert change_from(np.eye(3), WORK) == unchanged


def test_crop_reports_its_share_and_position() -> None:
    right = change_from(np.array([[1, 0, 240], [0, 1, 0], [0, 0, 1.0]]), (160, 200))
    assert right.fraction == pytest.approx(0.4)
    assert (right.horizontal_position, right.vertical_position) == (PartPosition.LAST, PartPosition.WHOLE)
    middle = change_from(np.array([[1, 0, 100], [0, 1, 0], [0, 0, 1.0]]), (200, 50))
    assert middle.fraction == pytest.approx(0.125)
    assert (middle.horizontal_position, middle.vertical_position) == (PartPosition.MIDDLE, PartPosition.FIRST)


def test_scale_stretch_and_perspective_are_distinguished() -> None:
    reduced = change_from(HALF, (200, 100))
    assert (reduced.scale, reduced.stretch) == pytest.approx((0.5, 1))
    assert not reduced.has_perspective
    wider = change_from(np.diag([0.5, 1, 1]), (800, 200))
    assert wider.stretch == pytest.approx(2)
    assert not wider.has_perspective
    assert change_from(np.array([[1, 0, 0], [0, 1, 0], [0, 0.002, 1]]), (900, 900)).has_perspective


def test_mirrored_copy_is_mirrored_before_rotation() -> None:
    assert (change_from(MIRROR, WORK).is_mirrored, change_from(MIRROR, WORK).rotation) == (True, 0)
    clockwise = np.array([[0, 1, 0], [-1, 0, 199], [0, 0, 1.0]])
    assert (change_from(clockwise, (200, 400)).is_mirrored, change_from(clockwise, (200, 400)).rotation) == (False, -90)


def test_pictures_without_overlap_have_no_description_of_changes() -> None:
    assert derive_change(np.array([[1, 0, 500], [0, 1, 0], [0, 0, 1.0]]), WORK, WORK) is None


def test_transform_description_ignores_matrix_sign() -> None:
    assert derive_change(-HALF, (200, 100), WORK) == derive_change(HALF, (200, 100), WORK)
