"""Test web archives with records of sites that send arbitrary data."""

import gzip
import json
import tracemalloc
import zipfile
from datetime import UTC, datetime
from io import BytesIO

import pytest

from evidence.capture.wire import Exchange, write_warc
from evidence.formats.wacz import WaczPage, write_wacz
from exhibit.digests import Digest

THEN = datetime(2026, 11, 20, tzinfo=UTC)
URL = "https://shop.example/"


def archive_of(body: bytes, *headers: str, title: str = "A shop") -> dict[str, bytes]:
    """Return the files of an archive of one response."""
    head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers))
    response = bytearray(head.encode() + b"\r\n" + body)
    warc = write_warc([Exchange(THEN, URL, "203.0.113.5", bytearray(b"GET / HTTP/1.1\r\n\r\n"), response)], {})
    with zipfile.ZipFile(BytesIO(write_wacz(warc, WaczPage(URL, title, THEN)))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip", "deflate", "x-nothing", ""])
def test_bodies_are_indexed_as_they_were_on_the_wire_whatever_they_are_called(encoding: str) -> None:
    files = archive_of(b"no such encoding", f"Content-Encoding: {encoding}", "Content-Type: text/html")
    line = json.loads(files["indexes/index.cdxj"].decode().split(" ", 2)[2])
    assert line["digest"] == f"sha256:{Digest.of(b'no such encoding').hex}"


def test_a_body_that_would_grow_without_end_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50 << 20))
    tracemalloc.start()
    archive_of(bomb, "Content-Encoding: gzip")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10 << 20


def test_a_title_that_is_no_text_is_kept_as_far_as_it_is() -> None:
    files = archive_of(b"x", title="A \ud800 shop")
    assert json.loads(files["pages/pages.jsonl"].splitlines()[1])["title"] == "A ? shop"
