"""Pieces of a copy lie side by side in it, but along its cuts; pieces that were chosen to fit do nowhere."""

from itertools import product

import numpy as np

from exhibit.comparison.pieces import FEW, MAX_PIECES, hang_together
from exhibit.types import Matrix, Piece

SIDE = 40.0


def grid(count: int, at: "dict[tuple[int, int], tuple[float, float]] | None" = None, shift: float = 0.0) -> list[Piece]:
    """Cells of a picture, each shown where it is, or moved."""
    pieces = []
    for column, row in product(range(count), range(count)):
        x, y = (at or {}).get((column, row), (shift * column, 0.0))
        box = (column * SIDE, row * SIDE, (column + 1) * SIDE, (row + 1) * SIDE)
        moved: Matrix = ((1.0, 0.0, -x), (0.0, 1.0, -y), (0.0, 0.0, 1.0))
        pieces.append(Piece(box, moved))
    return pieces


def test_pieces_of_a_bent_copy_hang_together() -> None:
    assert hang_together(grid(6)) == 1.0
    assert hang_together(grid(6, shift=3.0)) == 1.0


def test_a_copy_that_was_cut_and_laid_anew_hangs_together_but_along_the_cut() -> None:
    moved = {(column, row): (500.0, 90.0) for column in range(3, 6) for row in range(6)}
    assert 0.85 < hang_together(grid(6, moved)) < 1.0


def test_pieces_that_lie_anywhere_dont_hang_together() -> None:
    places = np.random.default_rng(1).uniform(-300, 300, (6, 6, 2))
    anywhere = {(column, row): tuple(places[column, row]) for column in range(6) for row in range(6)}
    assert hang_together(grid(6, anywhere)) < 0.1


def test_few_pieces_may_lie_apart_and_many_may_not() -> None:
    apart = [piece for piece in grid(9) if piece.box[0] % (2 * SIDE) == 0 and piece.box[1] % (2 * SIDE) == 0]
    assert hang_together(apart[: FEW - 1]) == 1.0
    assert hang_together(apart) == 0.0
    assert hang_together([]) == 1.0
    assert hang_together(grid(21)[: MAX_PIECES + 1]) == 0.0


def test_gaps_and_dust_dont_make_pieces_that_lie_anywhere_hang_together() -> None:
    places = np.random.default_rng(1).uniform(-300, 300, (36, 2))
    free = []
    for piece, (x, y) in zip(grid(6), places.tolist(), strict=True):
        left, top, right, bottom = piece.box
        free.append(Piece((left, top, right - 1, bottom - 1), ((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))))
    dust = [Piece((x / 100, 0, (x + 1) / 100, 0.01), free[0].transform) for x in range(100)]
    assert hang_together(free) < 0.1
    assert hang_together([*free, *dust]) < 0.1
