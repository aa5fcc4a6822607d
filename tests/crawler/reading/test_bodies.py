"""Test that a response is decoded to its bytes: encodings, completeness, limits."""

import gzip
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest

from crawler.reading.bodies import CODINGS, check_status, decode_body, decode_codings
from exhibit.errors import RefusedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DATA = b"\xff\xd8\xff" + bytes(range(256)) * 40 + b"harbour" * 2_000
MOST = 1_000_000


def deflate_raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": deflate_raw,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


def body(sent: bytes, max_bytes: int = MOST, **headers: str) -> bytes | str:
    """Return the bytes of a response, or the reason for a refusal."""
    try:
        return decode_body(sent, tuple((name.replace("_", "-"), value) for name, value in headers.items()), max_bytes)
    except RefusedError as error:
        return error.reason


@pytest.mark.long
@pytest.mark.parametrize("coding", PACK)
def test_each_content_coding_is_decoded_and_damage_is_reported(coding: str) -> None:
    packed = PACK[coding](DATA)
    assert body(packed, Content_Encoding=coding) == DATA
    assert body(packed[: len(packed) * 88 // 100], Content_Encoding=coding) == "incomplete"
    assert body(b"\x00junk" + packed, Content_Encoding=coding) == "bad-encoding"
    assert body(packed, max_bytes=1_000, Content_Encoding=coding) == "too-large"
    assert body(PACK[coding](bytes(50 * MOST)), Content_Encoding=coding) == "too-large"
    assert body(packed, Content_Encoding=coding, Content_Length=str(len(packed) + 1)) == "incomplete"
    assert body(DATA, Content_Encoding=coding, Content_Length="99999999") == DATA  # the writer had decoded it
    assert body(b"", Content_Encoding=coding) == b""


def test_stacked_content_codings_are_decoded_last_first() -> None:
    twice = brotli.compress(zlib.compress(DATA))
    assert body(twice, Content_Encoding="deflate, br") == DATA
    assert body(twice, Content_Encoding="identity", content_encoding="deflate,br") == DATA
    assert body(DATA, Content_Encoding="utf-8") == DATA
    assert body(twice, Content_Encoding="sealed, br") == twice
    with pytest.raises(RefusedError):
        decode_codings(twice, ["br"] * 5, MOST)
    assert set(CODINGS) < set(PACK)


def test_compression_trailers_are_ignored_as_in_browsers() -> None:
    packed = gzip.compress(DATA)
    for sent in (packed[:-8], packed[:-3], packed[:-8] + bytes(8), packed + b"words", packed + gzip.compress(b"")):
        assert body(sent, Content_Encoding="gzip") == DATA
    assert body(gzip.compress(DATA[:9]) + gzip.compress(DATA[9:]), Content_Encoding="gzip") == DATA
    assert body(zlib.compress(DATA)[:-4], Content_Encoding="deflate") == DATA
    member_with_name = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\x02\x00xy" + b"name\0" + b"comment\0" + b"zz" + packed[10:]
    assert body(member_with_name, Content_Encoding="gzip") == DATA
    for size in (1, 3, 10):
        assert body(packed[:size], Content_Encoding="gzip") == "incomplete"


def test_chunked_body_is_joined_and_missing_chunk_is_reported() -> None:
    pieces = [DATA[at : at + 5_000] for at in range(0, len(DATA), 5_000)]
    chunks = b"".join(b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    for end in (b"0\r\n\r\n", b"0\r\n", b"0\r\nDigest: x\r\n\r\n"):
        assert body(chunks + end, Transfer_Encoding="Chunked") == DATA
    assert body(chunks, Transfer_Encoding="chunked") == "incomplete"
    assert body(chunks[:-9], Transfer_Encoding="chunked", Content_Length="5") == "incomplete"
    assert body(DATA, Transfer_Encoding="chunked", Content_Length="99999999") == DATA  # already reassembled
    packed = gzip.compress(DATA)
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed)
    assert body(sent, Transfer_Encoding="chunked", Content_Encoding="gzip") == DATA
    assert body(sent, Transfer_Encoding="gzip, chunked") == DATA


def test_short_body_is_incomplete_and_long_body_is_unchanged() -> None:
    size = len(DATA)
    assert body(DATA, Content_Length=str(size)) == DATA
    assert body(DATA, Content_Length=str(size - 1)) == DATA
    assert body(DATA, Content_Length=str(size + 1)) == "incomplete"
    assert body(DATA, Content_Length=f"{size}, {size}") == DATA
    assert body(DATA, Content_Length="-5") == DATA
    assert body(DATA, Content_Range=f"bytes 0-{size}/{size + 1}") == "incomplete"


def test_partial_response_is_accepted_only_if_it_covers_the_whole_file() -> None:
    assert [check_status(status, "") for status in (200, 203, 201)] == [None] * 3
    assert check_status(206, "bytes 0-99/100") is None
    for content_range in ("bytes 0-98/100", "bytes 1-99/100", "bytes 0-99/*", "", "x"):
        problem = check_status(206, content_range)
        assert problem is not None
        assert problem[0] == "incomplete"
    for status in (204, 205, 302, 404, 500):
        problem = check_status(status, "")
        assert problem is not None
        assert problem[0] == f"http-{status}"
