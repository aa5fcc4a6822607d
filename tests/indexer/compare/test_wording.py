"""Test the sentences about the changes of a copy, read from its transform."""

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.compare.change import derive_change
from indexer.compare.wording import describe_change_of_work, describe_restrictions

WORK = (400, 200)
Floats = NDArray[np.float64]


def translation(x: float, y: float) -> Floats:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def description_of(transform: Floats, size: tuple[int, int]) -> str:
    change = derive_change(transform, size, WORK)
    assert change is not None
    return describe_change_of_work(change)


HALF = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1.0]])
MIRROR = np.array([[-1, 0, 399], [0, 1, 0], [0, 0, 1.0]])
CLOCKWISE = np.array([[0, 1, 0], [-1, 0, 199], [0, 0, 1.0]])
"""The sighted image is 200 × 400: the top of the original is at its right side."""


@pytest.mark.parametrize(
    ("transform", "size", "words"),
    [
        (np.eye(3), WORK, "all of the work"),
        (HALF, (200, 100), "all of the work, reduced to 50%"),
        (np.diag([0.5, 0.5, 1]), (800, 400), "all of the work, enlarged to 200%"),
        (MIRROR, WORK, "all of the work, mirrored"),
        (CLOCKWISE, (200, 400), "all of the work, turned by 90° clockwise"),
        (translation(0, 0), (160, 200), "40% of the work, its left part"),
        (translation(240, 0), (160, 200), "40% of the work, its right part"),
        (translation(120, 0), (160, 200), "40% of the work, its middle part"),
        (translation(0, 100), (400, 100), "50% of the work, its bottom part"),
        (translation(200, 0), (200, 100), "25% of the work, its top right part"),
        (translation(0, 0) @ MIRROR, (200, 200), "50% of the work, its right part, mirrored"),
        (translation(-300, -100), (1000, 600), "all of the work"),
        (np.diag([0.5, 1, 1]), (800, 200), "all of the work, enlarged to 141%, stretched to 200% in width"),
        (
            np.array([[1, 0, 0], [0, 1, 0], [0, 0.002, 1]]),
            (900, 900),
            "all of the work, enlarged to 139%, seen at an angle",
        ),
    ],
)
def test_transform_is_described(transform: Floats, size: tuple[int, int], words: str) -> None:
    assert description_of(transform, size) == words


@pytest.mark.parametrize("degrees", [30, -120, 180])
def test_rotation_has_a_direction(degrees: int) -> None:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    change = derive_change(translation(199.5, 99.5) @ turn @ translation(-399.5, -399.5), (800, 800), WORK)
    assert change is not None
    assert (change.rotation, round(change.fraction, 2)) == (degrees, 1)


def test_composed_and_plain_works_on_hold_have_different_reasons() -> None:
    composed, plain = describe_restrictions(["collage"]), describe_restrictions(["flat", "tiny"])
    assert "(collage)" in composed
    assert "(flat, tiny)" in plain
    assert composed.partition(" (")[0] != plain.partition(" (")[0]
