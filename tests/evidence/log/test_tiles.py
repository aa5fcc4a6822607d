"""Test that tile paths have one form (C2SP tlog-tiles), and that a log has the tiles that it fills."""

import pytest

from evidence.log.tiles import Tile, build_tile_path, encode_entries, parse_tile
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
def test_tile_path_round_trips(path: str, tile: Tile) -> None:
    assert parse_tile(path) == tile
    assert build_tile_path(tile) == path


@pytest.mark.parametrize(
    "path", ["", "0", "0000", "x000/001", "001/002", "x01/002", "000.p/0", "000.p/256", "000.p/017", "000.p/", "../000"]
)
def test_malformed_tile_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFoundError):
        parse_tile(path)


def test_tile_is_complete_only_if_the_log_has_all_its_entries() -> None:
    assert Tile(0, 17).is_complete_in(17)
    assert not Tile(0, 17).is_complete_in(16)
    assert Tile(1, 1).is_complete_in(257)
    assert not Tile(1, 1).is_complete_in(256)
    assert Tile(0, 1).is_complete_in(256, level=1)
    assert not Tile(0, 1).is_complete_in(255, level=1)


def test_entries_are_encoded_with_length_prefix() -> None:
    assert encode_entries([b"", b"abc", b"x" * 258]) == b"\0\0" + b"\0\x03abc" + b"\x01\x02" + b"x" * 258
    with pytest.raises(ValueError, match="too long"):
        encode_entries([bytes(1 << 16)])
