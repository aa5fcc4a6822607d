"""Test that tile paths have one form (C2SP tlog-tiles), and that a log has the tiles that it fills."""

import pytest

from evidence.log.tiles import Tile, encode_entries, parse_tile, to_tile_path
from exhibit.errors import NotFoundError


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("000", Tile(0, 256)),
        ("067.p/17", Tile(67, 17)),
        ("x001/x234/067", Tile(1_234_067, 256)),
        ("x001/000.p/255", Tile(1000, 255)),
    ],
)
def test_a_path_is_read_and_written_in_one_form(path: str, tile: Tile) -> None:
    assert parse_tile(path) == tile
    assert to_tile_path(tile) == path


@pytest.mark.parametrize(
    "path", ["", "0", "0000", "x000/001", "001/002", "x01/002", "000.p/0", "000.p/256", "000.p/017", "000.p/", "../000"]
)
def test_another_form_is_no_tile(path: str) -> None:
    with pytest.raises(NotFoundError):
        parse_tile(path)


def test_a_log_has_the_tiles_that_it_fills() -> None:
    assert Tile(0, 17).fits(17)
    assert not Tile(0, 17).fits(16)
    assert Tile(1, 1).fits(257)
    assert not Tile(1, 1).fits(256)
    assert Tile(0, 1).fits(256, level=1)
    assert not Tile(0, 1).fits(255, level=1)


def test_entries_stand_behind_their_lengths() -> None:
    assert encode_entries([b"", b"abc", b"x" * 258]) == b"\0\0" + b"\0\x03abc" + b"\x01\x02" + b"x" * 258
    with pytest.raises(ValueError, match="too long"):
        encode_entries([bytes(1 << 16)])
