"""Rooms in which bytes wait: the same wherever they lie."""

from pathlib import Path

import pytest

from tests.assets.swift_server import bucket_on
from workers.services.rooms import BucketRooms, FolderRooms, Rooms


@pytest.fixture(params=["folder", "bucket"])
def rooms(request: pytest.FixtureRequest, tmp_path: Path) -> Rooms:
    if request.param == "folder":
        return FolderRooms(tmp_path / "uploads")
    return BucketRooms(bucket_on(request.getfixturevalue("s3"), tmp_path), "uploads")


def test_bytes_wait_in_their_room_alone_until_they_are_taken(rooms: Rooms) -> None:
    first, second = rooms.room(1).put(b"first"), rooms.room(20).put(b"second")
    assert (list(rooms.room(1)), list(rooms.room(2)), rooms.room(20).get(second)) == ([first], [], b"second")
    rooms.forget(20, first)
    rooms.forget(20, second)
    rooms.forget(3, second)
    assert (first in rooms.room(1), list(rooms.room(20))) == (True, [])


def test_a_room_is_idle_when_nothing_came_for_a_while_and_goes_with_all_that_is_in_it(rooms: Rooms) -> None:
    for data in (b"one", b"two"):
        rooms.room(1).put(data)
    rooms.room(2).put(b"three")
    assert (sorted(rooms.idle(3600)), sorted(rooms.idle(-60))) == ([], [1, 2])
    rooms.clear(1)
    assert (list(rooms.room(1)), len(list(rooms.room(2)))) == ([], 1)
