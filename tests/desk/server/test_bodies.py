"""What is kept of clients while it comes: in memory while it is small, and else within a room."""

from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from desk.server.bodies import Body, Client, RefusedRequestError, Room, Whose
from desk.server.limits import KIB, Limits


def test_a_room_is_left_as_it_was_found_whoever_a_body_belongs_to_in_the_end(tmp_path: Path) -> None:
    whole = Limits(buffered=100 * KIB, buffered_of_known=200 * KIB, caller_share=1, address_share=1)
    room, client = Room(whole, tmp_path), Client("192.0.2.1")
    small, large = Body(room, Whose.STRANGERS, client), Body(room, Whose.STRANGERS, client)
    small.write(b"a" * KIB)
    large.write(b"a" * 90 * KIB)
    assert (room.taken(Whose.STRANGERS), room.taken(Whose.KNOWN)) == (90 * KIB, 0)
    large.belongs_to("ann")
    large.write(b"a" * 90 * KIB)
    assert (room.taken(Whose.STRANGERS), room.taken(Whose.KNOWN)) == (0, 180 * KIB)
    with pytest.raises(RefusedRequestError, match="Too much is being sent"):
        large.write(b"a" * 90 * KIB)
    for body in (small, large):
        body.close()
    assert room.taken(Whose.KNOWN) == 0


def test_nothing_of_a_body_has_a_name(tmp_path: Path) -> None:
    body = Body(Room(Limits(), tmp_path), Whose.KNOWN, Client("192.0.2.1", "ann"))
    body.write(b"a" * 200 * KIB)
    assert not list(tmp_path.iterdir())
    body.close()


def test_callers_and_addresses_have_a_share_each_and_it_is_theirs_again_when_a_body_ends(tmp_path: Path) -> None:
    room = Room(Limits(buffered_of_known=800 * KIB, caller_share=1 / 4, address_share=1 / 2), tmp_path)

    def begin(caller: str, address: str) -> Body:
        body = stack.enter_context(closing(Body(room, Whose.KNOWN, Client(address, caller))))
        body.write(b"a" * 200 * KIB)
        return body

    with ExitStack() as stack:
        first = begin("ann", "192.0.2.1")
        with pytest.raises(RefusedRequestError):
            begin("ann", "192.0.2.2")  # another session or token of the same account
        begin("bob", "192.0.2.1")
        with pytest.raises(RefusedRequestError):
            begin("carol", "192.0.2.1")
        begin("carol", "192.0.2.2")
        first.close()
        begin("ann", "192.0.2.2")
    assert room.taken(Whose.KNOWN) == 0
