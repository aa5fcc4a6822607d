"""Test that an independent client with one public key finds every entry of the log over HTTP under the signed root."""

import hashlib
import json

import pytest
from django.test import Client

from evidence.log.tiles import Tile, build_tile_path, parse_tile
from exhibit.entries import EntryType
from exhibit.errors import NotFoundError
from registry.log.local_log import get_log
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import LogCheckpoint
from tests.assets.tile_client import TileClient, tile_suffix
from workers import wiring
from workers.tasks.sync_runner import SyncRunner

SIZE = 300


@pytest.fixture
def inline(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> SyncRunner:
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    return inline


def add_entries(inline: SyncRunner, count: int) -> None:
    for number in range(count):
        submit_entry(EntryType.CASE, {"number": number})
    sequence_log(inline.services)
    sign_checkpoint(inline.services)


def fetch(path: str) -> bytes:
    response = Client().get(f"/log/{path}")
    assert response.status_code == 200, path
    assert response.headers["Cache-Control"].startswith("public")
    return response.content


@pytest.mark.long
def test_independent_log_client_proves_every_entry_under_the_signed_root(inline: SyncRunner) -> None:
    add_entries(inline, SIZE)
    client = TileClient(fetch, get_log(inline.services).get_verifier_key())
    assert client.size == SIZE
    assert client.hash_of(0, SIZE) == client.root
    leaves = client.leaves()
    assert len(leaves) == SIZE
    assert json.loads(leaves[7])["type"] == "case"
    assert [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves] == [client.hash_of(n, n + 1) for n in range(SIZE)]
    for index in (0, 255, 256, SIZE - 1):
        assert client.check_inclusion(leaves[index], index)
    assert not client.check_inclusion(leaves[0], 1)


def test_later_checkpoint_is_consistent_with_earlier_checkpoint_by_log_tiles(inline: SyncRunner) -> None:
    add_entries(inline, 5)
    early = TileClient(fetch, get_log(inline.services).get_verifier_key())
    add_entries(inline, 6)
    later_client = TileClient(fetch, get_log(inline.services).get_verifier_key())
    assert later_client.hash_of(0, early.size) == early.root
    assert (early.size, later_client.size) == (5, 11)
    assert fetch("tile/0/000.p/5") == fetch("tile/0/000.p/11")[: 5 * 32]


def test_entries_without_a_signed_checkpoint_are_not_served(inline: SyncRunner) -> None:
    assert Client().get("/log/checkpoint").status_code == 404
    add_entries(inline, 5)
    submit_entry(EntryType.CASE, {"number": 6})
    sequence_log(inline.services)
    invalid_paths = ["tile/0/000.p/6", "tile/entries/000.p/6", "tile/0/000", "tile/1/000.p/1", "tile/0/001.p/1"]
    invalid_paths += [
        "tile/0/0",
        "tile/0/x000/000.p/1",
        "tile/0/000.p/0",
        "tile/0/000.p/05",
        "tile/7/000.p/1",
        "tile/a/000",
    ]
    for path in invalid_paths:
        assert Client().get(f"/log/{path}").status_code == 404, path
    assert Client().post("/log/checkpoint").status_code == 405


def test_tiles_are_cached_for_minutes_and_checkpoints_for_seconds(inline: SyncRunner) -> None:
    add_entries(inline, 2)
    assert Client().get("/log/tile/0/000.p/2").headers["Cache-Control"] == "public, max-age=300"
    response = Client().get("/log/checkpoint")
    assert response.headers["Cache-Control"] == "public, max-age=5"
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content.decode() == LogCheckpoint.objects.get().note


@pytest.mark.parametrize("number", [0, 7, 999, 1000, 1234067, 999999999])
def test_tile_numbers_follow_the_specification(number: int) -> None:
    for width in (1, 255, 256):
        assert build_tile_path(Tile(number, width)) == tile_suffix(number, width)
        assert parse_tile(tile_suffix(number, width)) == Tile(number, width)
    assert build_tile_path(Tile(1234067, 256)) == "x001/x234/067"


@pytest.mark.parametrize(
    "path", ["", "67", "x001/67", "000.p/256", "000.p/999", "000.p/", "0000", "x000/001", "..", "000.p/1/2"]
)
def test_invalid_tile_paths_are_not_found(path: str) -> None:
    with pytest.raises(NotFoundError):
        parse_tile(path)
