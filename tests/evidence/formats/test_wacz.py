"""Test web archives with records of sites that send arbitrary data."""

import gzip
import json
import tracemalloc
import zipfile
from datetime import UTC, datetime
from io import BytesIO

import pytest

from evidence.capture.wire import Exchange, encode_warc
from evidence.formats.wacz import WaczPage, build_wacz
from exhibit.digests import Digest

THEN = datetime(2026, 11, 20, tzinfo=UTC)
URL = "https://shop.example/"


def create_archive(body: bytes, *headers: str, title: str = "A shop") -> dict[str, bytes]:
    """Return the files of an archive of one response."""
    head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers))
    response = bytearray(head.encode() + b"\r\n" + body)
    warc = encode_warc([Exchange(THEN, URL, "203.0.113.5", bytearray(b"GET / HTTP/1.1\r\n\r\n"), response)], {})
    with zipfile.ZipFile(BytesIO(build_wacz(warc, WaczPage(URL, title, THEN)))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip", "deflate", "x-nothing", ""])
def test_bodies_with_unknown_encoding_are_indexed_as_received(encoding: str) -> None:
    files = create_archive(b"no such encoding", f"Content-Encoding: {encoding}", "Content-Type: text/html")
    line = json.loads(files["indexes/index.cdxj"].decode().split(" ", 2)[2])
    assert line["digest"] == f"sha256:{Digest.from_bytes(b'no such encoding').hex}"


def test_compression_bomb_in_a_body_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    tracemalloc.start()
    create_archive(bomb, "Content-Encoding: gzip")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10 << 20


def test_invalid_title_is_sanitised() -> None:
    files = create_archive(b"x", title="A \ud800 shop")
    assert json.loads(files["pages/pages.jsonl"].splitlines()[1])["title"] == "A ? shop"
