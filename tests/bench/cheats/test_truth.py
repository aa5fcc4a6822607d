"""What a crafted picture may be called is counted in pixels, not guessed."""

import numpy as np
import pytest

from bench.cheats.truth import Kind, Shown, psnr, shown
from bench.primitives.canvas import Canvas, nowhere

SIZE = (400, 300)


def showing(*boxes: tuple[int, int, int, int]) -> Canvas:
    """A canvas that shows the same places of a work of its own size in some rectangles."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    origin = nowhere(pixels)
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    for left, top, right, bottom in boxes:
        origin[top:bottom, left:right] = np.stack([x, y], axis=2)[top:bottom, left:right]
    return Canvas(pixels, origin)


def test_shares_are_those_of_the_pixels() -> None:
    half = shown(showing((0, 0, 200, 300)), SIZE)
    assert half.picture == pytest.approx(0.5)
    assert half.work == pytest.approx(0.5, abs=0.02)
    assert half.piece == pytest.approx(0.5, abs=0.03)
    assert shown(showing(), SIZE) == Shown(0, 0, 0)


def test_the_same_place_shown_twice_counts_once_of_the_work() -> None:
    canvas = showing((0, 0, 40, 40))
    canvas.origin[100:140, 100:140] = canvas.origin[0:40, 0:40]
    both = shown(canvas, SIZE)
    assert both.picture == pytest.approx(2 * 1600 / 120_000)
    assert both.work == pytest.approx(1600 / 120_000)


@pytest.mark.parametrize(
    ("boxes", "kind"),
    [
        ([], Kind.STRANGER),
        ([(50 * k, 40 * (k % 5), 50 * k + 20, 40 * (k % 5) + 20) for k in range(7)], Kind.STRANGER),  # 2.3%, scattered
        ([(0, 0, 50, 50)], Kind.PIECES),  # 2.1%, in one piece
        ([(21 * k, 0, 21 * k + 20, 20) for k in range(7)], Kind.PIECES),  # gaps of a pixel part nothing
        ([(0, 0, 100, 100)], Kind.PIECES),
        ([(0, 0, 160, 100)], Kind.PARTIAL),
    ],
)
def test_scraps_are_a_stranger_a_piece_is_none_and_an_eighth_is_a_copy(
    boxes: list[tuple[int, int, int, int]], kind: Kind
) -> None:
    assert shown(showing(*boxes), SIZE).kind == kind


def test_a_large_share_of_the_work_shown_small_is_a_copy_of_a_part() -> None:
    assert Shown(picture=0.01, work=0.2, piece=0.001).kind == Kind.PARTIAL


def test_the_size_of_a_change_is_told_in_decibels() -> None:
    before = np.full((20, 30, 3), 100, np.uint8)
    assert psnr(before + np.uint8(8), before) == pytest.approx(30.1, abs=0.1)
    assert psnr(before[:10], before) is None
