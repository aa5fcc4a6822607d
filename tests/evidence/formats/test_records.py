"""Test recorded responses by arbitrary authors: headers, encodings and URLs designed to stop a reader."""

import gzip
import zlib
from typing import Any

import pytest

from evidence.formats.codec import FormatError
from evidence.formats.records import MAX_BODY_BYTES, MAX_CODINGS, Response, UnpackBudget, read_response, to_plain_url

pytestmark = pytest.mark.timeout(20)
CONTINUE = b"HTTP/1.1 100 Continue\r\n"


def create_response(packed: bytes, *headers: tuple[str, str], status: int = 200) -> Response:
    return Response(status, headers, packed)


@pytest.mark.parametrize(
    "block", [CONTINUE, CONTINUE + b"A: b\r\n", CONTINUE + b"\r\n" + CONTINUE, b"HTTP/1.1 200\r\n"]
)
def test_unterminated_header_is_not_a_response(block: bytes) -> None:
    assert read_response(block) is None


def test_response_follows_any_number_of_interim_responses() -> None:
    result = read_response((CONTINUE + b"A: b\r\n\r\n") * 100_000 + b"HTTP/1.1 200 OK\r\nC: d\r\n\r\nbody")
    assert result == create_response(b"body", ("C", "d"))


def test_lone_carriage_return_does_not_end_a_header() -> None:
    result = read_response(b"HTTP/1.1 200 OK\r\nA: b\rLocation: /x\nName\n\n")
    assert result == create_response(b"", ("A", "b\rLocation: /x"), ("Name", ""))


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 5000 + "4"])
def test_content_length_may_have_any_number_of_digits(length: str) -> None:
    assert create_response(b"body", ("Content-Length", length)).decode_body() == b"body"


@pytest.mark.parametrize("url", ["a:http://[", "http://[", "http://x:99999/", "http://\udcff/"])
def test_invalid_url_is_unchanged(url: str) -> None:
    assert to_plain_url(url) == url


@pytest.mark.parametrize("headers", [{"Transfer-Encoding": "chunked"}, {"Content-Encoding": "gzip"}])
def test_empty_body_is_decoded_with_any_encoding(headers: dict[str, Any]) -> None:
    assert create_response(b"", *headers.items()).decode_body() == b""


def test_gzip_members_are_unpacked_together() -> None:
    member, room = gzip.compress(b"ab", mtime=0), UnpackBudget(1 << 20)
    assert create_response(member * 200_000, ("Content-Encoding", "gzip")).decode_body(room) == b"ab" * 200_000
    assert room.remaining == (1 << 20) - 400_000


@pytest.mark.long
def test_each_decoding_layer_counts_towards_limit() -> None:
    room = UnpackBudget(1000)
    inner = zlib.compress(bytes(900))
    assert create_response(gzip.compress(inner), ("Content-Encoding", "deflate, gzip")).decode_body(room) == bytes(900)
    assert room.remaining == 100 - len(inner)
    with pytest.raises(FormatError, match="unpacks to more"):
        create_response(gzip.compress(bytes(MAX_BODY_BYTES + 1)), ("Content-Encoding", "gzip")).decode_body(room)
    assert room.remaining <= 100 - len(inner) - MAX_BODY_BYTES - 1


def test_number_of_codings_is_limited() -> None:
    body = b"body"
    for _ in range(MAX_CODINGS):
        body = gzip.compress(body)
    assert create_response(body, ("Content-Encoding", ",".join(["gzip"] * MAX_CODINGS))).decode_body() == b"body"
    with pytest.raises(FormatError, match="A recorded response is compressed more than"):
        create_response(gzip.compress(body), ("Content-Encoding", ",".join(["gzip"] * (MAX_CODINGS + 1)))).decode_body()
