"""Test that pieces of a copy are adjacent except along its cuts, while pieces chosen to fit are not."""

from itertools import product

import numpy as np
import pytest

from exhibit.comparison.pieces import FEW_PIECES, MAX_PIECES, measure_coherence
from exhibit.types import Matrix, Piece

SIDE = 40.0


def connected_share(pieces: list[Piece], visible: list[int] | None = None) -> float:
    return measure_coherence(pieces, [1] * len(pieces) if visible is None else visible)


def grid(count: int, at: "dict[tuple[int, int], tuple[float, float]] | None" = None, shift: float = 0.0) -> list[Piece]:
    """Return cells of an image, each in its place or moved."""
    pieces = []
    for column, row in product(range(count), range(count)):
        x, y = (at or {}).get((column, row), (shift * column, 0.0))
        box = (column * SIDE, row * SIDE, (column + 1) * SIDE, (row + 1) * SIDE)
        moved: Matrix = ((1.0, 0.0, -x), (0.0, 1.0, -y), (0.0, 0.0, 1.0))
        pieces.append(Piece(box, moved))
    return pieces


def test_pieces_of_a_bent_copy_are_connected() -> None:
    assert connected_share(grid(6)) == 1.0
    assert connected_share(grid(6, shift=3.0)) == 1.0


def test_pieces_of_a_rearranged_copy_are_connected_except_along_the_cut() -> None:
    moved = {(column, row): (500.0, 90.0) for column in range(3, 6) for row in range(6)}
    assert 0.85 < connected_share(grid(6, moved)) < 1.0


def test_scattered_pieces_are_not_connected() -> None:
    places = np.random.default_rng(1).uniform(-300, 300, (6, 6, 2))
    anywhere = {(column, row): tuple(places[column, row]) for column in range(6) for row in range(6)}
    assert connected_share(grid(6, anywhere)) < 0.1


def test_fewer_pieces_than_the_minimum_count_as_connected() -> None:
    apart = [piece for piece in grid(9) if piece.box[0] % (2 * SIDE) == 0 and piece.box[1] % (2 * SIDE) == 0]
    assert connected_share(apart[: FEW_PIECES - 1]) == 1.0
    assert connected_share(apart) == 0.0
    assert connected_share([]) == 1.0
    assert connected_share(grid(21)[: MAX_PIECES + 1]) == 0.0


def free_pieces() -> list[Piece]:
    """Return cells at random places, with a gap around each."""
    places = np.random.default_rng(1).uniform(-300, 300, (36, 2))
    free = []
    for piece, (x, y) in zip(grid(6), places.tolist(), strict=True):
        x0, top, right, bottom = piece.box
        free.append(Piece((x0, top, right - 1, bottom - 1), ((1.0, 0.0, x), (0.0, 1.0, y), (0.0, 0.0, 1.0))))
    return free


STILL: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
DECOYS: dict[str, tuple[list[Piece], int]] = {
    "dust": ([Piece((x / 100, 0.0, (x + 1) / 100, 0.01), STILL) for x in range(100)], 0),
    "outside of the picture": ([Piece((-1e6, 1e3 * y, 1e6, 1e3 * (y + 1)), STILL) for y in (-3.0, -2.0)], 0),
    "under the others": ([Piece((x, 0.0, x + 1.0, 240.0), STILL) for x in map(float, range(240))], 1),
    "empty": ([Piece((5.0, 5.0, 5.0, 5.0), STILL)] * 2, 0),
}


@pytest.mark.parametrize("name", DECOYS)
def test_weak_pieces_do_not_connect_scattered_pieces(name: str) -> None:
    free, (decoys, visible) = free_pieces(), DECOYS[name]
    assert connected_share(free) < 0.1
    assert connected_share([*decoys, *free], [visible] * len(decoys) + [1500] * len(free)) < 0.2


def test_two_connected_pieces_do_not_make_isolated_pieces_connected() -> None:
    apart = [piece for piece in grid(9) if piece.box[0] % (2 * SIDE) == 0 and piece.box[1] % (2 * SIDE) == 0]
    x0, top, right, bottom = apart[0].box
    halves = [Piece((x0, top, 20.0, bottom), STILL), Piece((20.0, top, right, bottom), STILL)]
    assert connected_share([*halves, *apart[1:]], [800, 800, *[1600] * (len(apart) - 1)]) < 0.1
