"""What is kept of clients while it comes: in memory while it is small, and else within a room."""

from pathlib import Path

import pytest

from desk.server.bodies import Body, RefusedRequestError, Room, Whose
from desk.server.limits import KIB, Limits


def test_a_room_is_left_as_it_was_found_whoever_a_body_belongs_to_in_the_end(tmp_path: Path) -> None:
    room = Room(Limits(buffered=100 * KIB, buffered_of_known=200 * KIB), tmp_path)
    small, large = Body(room, Whose.STRANGERS), Body(room, Whose.STRANGERS)
    small.write(b"a" * KIB)
    large.write(b"a" * 90 * KIB)
    assert (room.taken(Whose.STRANGERS), room.taken(Whose.KNOWN)) == (90 * KIB, 0)
    large.belongs_to(Whose.KNOWN)
    large.write(b"a" * 90 * KIB)
    assert (room.taken(Whose.STRANGERS), room.taken(Whose.KNOWN)) == (0, 180 * KIB)
    with pytest.raises(RefusedRequestError, match="Too much is being sent"):
        large.write(b"a" * 90 * KIB)
    for body in (small, large):
        body.close()
    assert room.taken(Whose.KNOWN) == 0


def test_nothing_of_a_body_has_a_name(tmp_path: Path) -> None:
    body = Body(Room(Limits(), tmp_path), Whose.KNOWN)
    body.write(b"a" * 200 * KIB)
    assert not list(tmp_path.iterdir())
    body.close()
