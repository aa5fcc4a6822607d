"""Test recorded responses by arbitrary authors: headers, encodings and URLs designed to stop a reader."""

import gzip
import zlib
from typing import Any

import pytest

from evidence.formats.codec import FormatError
from evidence.formats.records import MAX_BODY, MAX_CODINGS, Response, UnpackBudget, read_response, to_plain_url

pytestmark = pytest.mark.timeout(20)
CONTINUE = b"HTTP/1.1 100 Continue\r\n"


def response(packed: bytes, *headers: tuple[str, str], status: int = 200) -> Response:
    return Response(status, headers, packed)


@pytest.mark.parametrize(
    "block", [CONTINUE, CONTINUE + b"A: b\r\n", CONTINUE + b"\r\n" + CONTINUE, b"HTTP/1.1 200\r\n"]
)
def test_a_header_without_an_end_is_not_a_response(block: bytes) -> None:
    assert read_response(block) is None


def test_an_answer_is_found_behind_any_number_of_those_that_announce_it() -> None:
    result = read_response((CONTINUE + b"A: b\r\n\r\n") * 100_000 + b"HTTP/1.1 200 OK\r\nC: d\r\n\r\nbody")
    assert result == response(b"body", ("C", "d"))


def test_a_carriage_return_alone_ends_no_field() -> None:
    result = read_response(b"HTTP/1.1 200 OK\r\nA: b\rLocation: /x\nName\n\n")
    assert result == response(b"", ("A", "b\rLocation: /x"), ("Name", ""))


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 5000 + "4"])
def test_a_length_may_have_any_number_of_digits(length: str) -> None:
    assert response(b"body", ("Content-Length", length)).body() == b"body"


@pytest.mark.parametrize("url", ["a:http://[", "http://[", "http://x:99999/", "http://\udcff/"])
def test_an_address_that_is_none_stays_as_it_is(url: str) -> None:
    assert to_plain_url(url) == url


@pytest.mark.parametrize("headers", [{"Transfer-Encoding": "chunked"}, {"Content-Encoding": "gzip"}])
def test_nothing_is_an_empty_body_however_it_is_called(headers: dict[str, Any]) -> None:
    assert response(b"", *headers.items()).body() == b""


def test_members_of_gzip_are_unpacked_in_one_pass_and_count_together() -> None:
    member, room = gzip.compress(b"ab", mtime=0), UnpackBudget(1 << 20)
    assert response(member * 200_000, ("Content-Encoding", "gzip")).body(room) == b"ab" * 200_000
    assert room.remaining == (1 << 20) - 400_000


@pytest.mark.long
def test_what_each_layer_gives_counts() -> None:
    room = UnpackBudget(1000)
    inner = zlib.compress(bytes(900))
    assert response(gzip.compress(inner), ("Content-Encoding", "deflate, gzip")).body(room) == bytes(900)
    assert room.remaining == 100 - len(inner)
    with pytest.raises(FormatError, match="unpacks to more"):
        response(gzip.compress(bytes(MAX_BODY + 1)), ("Content-Encoding", "gzip")).body(room)
    assert room.remaining <= 100 - len(inner) - MAX_BODY - 1


def test_only_a_few_codings_are_undone() -> None:
    body = b"body"
    for _ in range(MAX_CODINGS):
        body = gzip.compress(body)
    assert response(body, ("Content-Encoding", ",".join(["gzip"] * MAX_CODINGS))).body() == b"body"
    with pytest.raises(FormatError, match="A recorded response is compressed more than"):
        response(gzip.compress(body), ("Content-Encoding", ",".join(["gzip"] * (MAX_CODINGS + 1)))).body()
