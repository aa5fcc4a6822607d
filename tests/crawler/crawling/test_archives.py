"""Test that web archives are read when encoded, truncated, damaged, repeated, or dated in any way."""

import base64
import gzip
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import brotli
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawler.crawling.archives import SCREENSHOT
from crawler.crawling.files import read_files
from crawler.formats.job import Job, Source, SourceKind
from crawler.formats.lines import EndLine, Line, PageLine, RefusalLine
from crawler.state.crawl import Crawl
from exhibit.errors import ExitCode
from exhibit.types import SourceStatement, SourceStatementKind
from tests.assets.crawling import crawl
from tests.assets.site import Answer, Site, picture

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

URL = "http://a.example/"
JPEG = "Content-Type: image/jpeg"


class ArchiveReading:
    """The result of reading an archive."""

    def __init__(self, folder: Path, archive: Path, after: str = "") -> None:
        lines: list[Line] = []
        source = Source(kind=SourceKind.WARC, path=archive, after=after)
        self.code = read_files(Crawl(Job(bytes_dir=folder / "bytes", sources=(source,)), lines.append))
        pages = [line for line in lines if isinstance(line, PageLine)]
        self.sightings = {line.url.removeprefix(URL): line.sightings[0] for line in pages}
        self.refusals = {line.url.removeprefix(URL): line.reason for line in lines if isinstance(line, RefusalLine)}
        self.sentences = [line.sentence for line in lines if isinstance(line, RefusalLine)]
        end = lines[-1]
        assert isinstance(end, EndLine)
        self.refused_counts, self.skipped = end.counts.refused, end.counts.passed
        self.positions = [line.position for line in pages]
        self.bytes = {
            name: (folder / "bytes" / sighting.digest.hex).read_bytes() for name, sighting in self.sightings.items()
        }


def http_response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


def record(name: str, block: bytes, *headers: str, kind: str = "response", date: str = "2020-01-02T03:04:05Z") -> bytes:
    """Return an uncompressed WARC record."""
    head = ["WARC/1.1", f"WARC-Type: {kind}", f"WARC-Target-URI: {URL}{name}", f"Content-Length: {len(block)}"]
    head += ["Content-Type: application/http; msgtype=response"] if kind != "resource" else []
    head += [f"WARC-Date: {date}"] if date else []
    return "\r\n".join([*head, *headers, "", ""]).encode() + block + b"\r\n\r\n"


def read_archive(folder: Path, *parts: bytes, packed: bool = False) -> ArchiveReading:
    path = folder / ("a.warc.gz" if packed else "a.warc")
    path.write_bytes(b"".join(gzip.compress(part) for part in parts) if packed else b"".join(parts))
    return ArchiveReading(folder, path)


def sha1(data: bytes) -> str:
    return f"sha1:{base64.b32encode(hashlib.sha1(data).digest()).decode()}"  # noqa: S324 - what archives have


@pytest.mark.parametrize("packed", [False, True])
def test_record_with_any_content_encoding_yields_its_picture(tmp_path: Path, packed: bool) -> None:  # noqa: FBT001
    page = b"<p>Boats<img src=/zstd.jpg alt=Harbour>"
    done = read_archive(
        tmp_path,
        record("s.css", http_response(brotli.compress(b"p{}"), "Content-Type: text/css", "Content-Encoding: br")),
        record("broken.css", http_response(b"\xff\xff junk", "Content-Type: text/css", "Content-Encoding: br")),
        record("p", http_response(zstd.compress(page), "Content-Type: text/html", "Content-Encoding: zstd")),
        record("br.jpg", http_response(brotli.compress(picture(1)), JPEG, "Content-Encoding: br")),
        record("zstd.jpg", http_response(zstd.compress(picture(2)), JPEG, "Content-Encoding: zstd")),
        record("gzip.jpg", http_response(gzip.compress(picture(3)), JPEG, "Content-Encoding: x-gzip")),
        record("bad.jpg", http_response(b"\0\1\2", JPEG, "Content-Encoding: gzip")),
        packed=packed,
    )
    names = ("br.jpg", "zstd.jpg", "gzip.jpg")
    assert done.bytes == {name: picture(number) for number, name in enumerate(names, 1)}
    assert (done.sightings["zstd.jpg"].page_url, done.sightings["zstd.jpg"].context) == (f"{URL}p", "Harbour Boats")
    recorded = SourceStatement(kind=SourceStatementKind.ARCHIVE_RECORDED, stated="2020-01-02T03:04:05Z")
    assert done.sightings["br.jpg"].elsewhere == (recorded,)
    assert done.refusals == {"bad.jpg": "bad-encoding"}
    assert done.skipped == {"bad-encoding": 1, "not-an-image": 1}
    assert done.code is ExitCode.DONE


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # warcio leaves files open
def test_packed_archive_files_match_warcio_output(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.wacz", "w") as wacz:
        for number in (1, 2, 3):
            out = io.BytesIO()
            writer = WARCWriter(out, gzip=True)
            writer.write_record(writer.create_warcinfo_record("a.warc.gz", {"software": "x"}))
            for name, kind, body in (
                ("p", "text/html", brotli.compress(b"<p>")),
                ("1.jpg", "image/jpeg", brotli.compress(picture(number))),
            ):
                headers = [("Content-Type", kind), ("Content-Encoding", "br"), ("Content-Length", str(len(body)))]
                head = StatusAndHeaders("200 OK", headers, protocol="HTTP/1.1")
                url = f"{URL}{number}/{name}"
                writer.write_record(writer.create_warc_record(url, "response", io.BytesIO(body), http_headers=head))
            data = out.getvalue()
            wacz.writestr(f"archive/{number}.warc.gz", data[:-20] if number == 2 else data)
    done = ArchiveReading(tmp_path, tmp_path / "a.wacz")
    assert set(done.sightings) == {"1/1.jpg", "3/1.jpg"}
    assert done.refusals == {"2/1.jpg": "incomplete", (tmp_path / "a.wacz").as_uri(): "unreadable"}
    assert done.code is ExitCode.INCOMPLETE


def test_truncated_record_is_refused_and_truncated_file_is_reported(tmp_path: Path) -> None:
    data = picture(1)
    cut, size = data[: len(data) * 88 // 100], f"Content-Length: {len(data)}"
    chunks = b"%x\r\n%s\r\n" % (len(data), data)
    done = read_archive(
        tmp_path,
        record("short.jpg", http_response(cut, JPEG, size)),
        record("chunks.jpg", http_response(chunks, JPEG, "Transfer-Encoding: chunked")),
        record("whole.jpg", http_response(chunks + b"0\r\n\r\n", JPEG, "Transfer-Encoding: chunked")),
        record("coded.jpg", http_response(gzip.compress(data)[:-30], JPEG, "Content-Encoding: gzip")),
        record("told.jpg", http_response(cut, JPEG), "WARC-Truncated: length"),
        record("segment.jpg", http_response(cut, JPEG), "WARC-Segment-Number: 1"),
        record("p", http_response(b"<img src=whole.jpg>", "Content-Type: text/html", "Content-Length: 999")),
        record("head.jpg", b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"),
        record("last.jpg", http_response(data, JPEG))[:-60],
    )
    assert set(done.sightings) == {"whole.jpg"}
    names = ("short", "chunks", "coded", "told", "segment", "head", "last")
    archive = (tmp_path / "a.warc").as_uri()
    assert done.refusals == {**{f"{name}.jpg": "incomplete" for name in names}, archive: "unreadable"}
    assert done.skipped == {"incomplete": 1}
    assert done.code is ExitCode.INCOMPLETE


def test_bytes_with_wrong_digest_are_refused(tmp_path: Path) -> None:
    data, wrong = picture(1), sha1(b"other")
    coded = gzip.compress(data)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(coded), coded)
    both = ("Transfer-Encoding: chunked", "Content-Encoding: gzip")
    digests = {
        "sent.jpg": sha1(chunks),
        "packed.jpg": f"sha-256:{hashlib.sha256(coded).hexdigest()}",
        "plain.jpg": sha1(data).lower(),
        "unknown.jpg": "blake9:ABCDEF",
        "wrong.jpg": wrong,
    }
    parts = [
        record(name, http_response(chunks, JPEG, *both), f"WARC-Payload-Digest: {its}") for name, its in digests.items()
    ]
    block = http_response(data, JPEG)
    parts += [record("block.jpg", block, f"WARC-Block-Digest: {sha1(block)}")]
    parts += [record("bad-block.jpg", block, f"WARC-Block-Digest: {wrong}")]
    parts += [record("file.jpg", data, f"WARC-Payload-Digest: {wrong}", JPEG, kind="resource")]
    done = read_archive(tmp_path, *parts)
    assert set(done.sightings) == {"sent.jpg", "packed.jpg", "plain.jpg", "unknown.jpg", "block.jpg"}
    assert done.refusals == dict.fromkeys(("wrong.jpg", "bad-block.jpg", "file.jpg"), "wrong-digest")


def test_archived_statuses_are_treated_as_in_a_crawl_and_skipped_records_are_counted(tmp_path: Path) -> None:
    data = picture(1)
    size = len(data)
    whole, part = f"Content-Range: bytes 0-{size - 1}/{size}", f"Content-Range: bytes 0-{size - 1}/{size + 1}"
    done = read_archive(
        tmp_path,
        record("203.jpg", http_response(data, JPEG, status="203 Non-Authoritative Information")),
        record("206.jpg", http_response(data, JPEG, whole, status="206 Partial Content")),
        record("part.jpg", http_response(data, JPEG, part, status="206 Partial Content")),
        record("404.jpg", http_response(data, JPEG, status="404 Not Found")),
        record("moved", http_response(b"", "Location: /x", status="301 Moved Permanently")),
        record("a.js", http_response(b"1", "Content-Type: text/javascript")),
        record("p", http_response(b"<p>", "Content-Type: text/html")),
        record("query", b"a.example. 60 IN A 192.0.2.1"),
        record("text", b"words", kind="conversion"),
        record("asked", b"GET / HTTP/1.1\r\n\r\n", kind="request"),
    )
    assert {name: sighting.status for name, sighting in done.sightings.items()} == {"203.jpg": 203, "206.jpg": 206}
    assert done.refusals == {"part.jpg": "incomplete"}
    passed = {"conversion": 1, "http-301": 1, "http-404": 1, "not-an-image": 1, "not-http": 1}
    assert (done.skipped, done.refused_counts) == (passed, {**passed, "incomplete": 1})


def test_revisit_record_returns_bytes_of_original_record(tmp_path: Path) -> None:
    data = picture(1)
    digest = f"WARC-Payload-Digest: {sha1(data)}"
    refers = f"WARC-Refers-To-Target-URI: {URL}a.jpg"
    at = "WARC-Refers-To-Date: 2020-01-02T03:04:05Z"
    again = {"kind": "revisit", "date": "2021-02-03T04:05:06Z"}
    head = http_response(b"", JPEG, "ETag: 2")
    done = read_archive(
        tmp_path,
        record("a.jpg", http_response(data, JPEG), digest),
        record("b.jpg", head, digest, refers, **again),
        record("c.jpg", b"", refers, at, **again),
        record("d.jpg", head, digest, **again),
        record("gone.jpg", http_response(b"", status="404 Not Found"), digest, refers, **again),
        record("other.jpg", head, f"WARC-Payload-Digest: {sha1(b'x')}", refers, at, **again),
        record("nowhere.jpg", head, **again),
    )
    assert done.bytes == dict.fromkeys(("a.jpg", "b.jpg", "c.jpg", "d.jpg"), data)
    sighting = done.sightings["b.jpg"]
    assert (sighting.image_url, sighting.final_url, sighting.status, sighting.media_type) == (f"{URL}b.jpg",) * 2 + (
        200,
        "image/jpeg",
    )
    assert sighting.response_headers == (("Content-Type", "image/jpeg"), ("ETag", "2"))
    assert sighting.fetched_at is not None
    assert sighting.fetched_at.year == 2021
    assert done.skipped == {"http-404": 1, "revisit": 2}


def test_revisit_record_resolves_every_reference_form(tmp_path: Path) -> None:
    data = picture(1)
    hexadecimal = f"WARC-Payload-Digest: sha-1:{hashlib.sha1(data).hexdigest()}"  # noqa: S324 - what archives have
    again, header = {"kind": "revisit", "date": "2021-02-03T04:05:06Z"}, "WARC-Refers-To-Target-URI"
    done = read_archive(
        tmp_path,
        record(
            "a.jpg", http_response(data, JPEG), f"WARC-Payload-Digest: {sha1(data)}", "WARC-Record-ID: <urn:uuid:1>"
        ),
        record("digest.jpg", http_response(b"", JPEG), hexadecimal, **again),
        record("id.jpg", b"", "WARC-Refers-To: <urn:uuid:1>", **again),
        record("date.jpg", b"", f"{header}: {URL}a.jpg", "WARC-Refers-To-Date: 20200102030405", **again),
        record("chain.jpg", b"", f"{header}: {URL}date.jpg", "WARC-Refers-To-Date: 2021-02-03T04:05:06Z", **again),
        record("other.jpg", b"", f"{header}: {URL}a.jpg", "WARC-Refers-To-Date: 2019", **again),
    )
    assert done.bytes == dict.fromkeys(("a.jpg", "digest.jpg", "id.jpg", "date.jpg", "chain.jpg"), data)
    assert done.skipped == {"revisit": 1}


def test_archives_with_uppercase_extensions_are_recognised(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "A.WACZ", "w") as wacz:
        wacz.writestr("archive/A.WARC", record("1.jpg", http_response(picture(1), JPEG)))
        wacz.writestr("archive/b.warc.zst", zstd.compress(record("2.jpg", http_response(picture(2), JPEG))))
        wacz.writestr("archive/b.warc.xz", b"none")
        wacz.writestr("archive/c.warc.gz", gzip.compress(record("3.jpg", http_response(picture(3), JPEG))))
    done = ArchiveReading(tmp_path / "read", tmp_path / "A.WACZ")
    assert set(done.sightings) == {"1.jpg", "2.jpg", "3.jpg"}
    assert done.refusals == {}
    assert set(ArchiveReading(tmp_path / "again", tmp_path).sightings) == {"1.jpg", "2.jpg", "3.jpg"}


def frame(head: int, data: bytes) -> bytes:
    """Return a skippable zstd frame (RFC 8878, 3.1.2)."""
    return head.to_bytes(4, "little") + len(data).to_bytes(4, "little") + data


@pytest.mark.parametrize("form", ["plain", "dictionary", "packed dictionary"])
def test_zstd_archive_is_read_with_embedded_dictionary(tmp_path: Path, form: str) -> None:
    parts = [record(f"{number}.jpg", http_response(picture(number), JPEG)) for number in range(5)]
    trained = zstd.train_dict([record(f"{n}.html", http_response(b"<p>%d" % n)) for n in range(300)], 4096)
    content = trained.dict_content if form == "dictionary" else zstd.compress(trained.dict_content)
    dictionary = None if form == "plain" else trained
    summed: Mapping[int, int] = {zstd.CompressionParameter.checksum_flag: 1}
    packed = [zstd.compress(part, options=summed, zstd_dict=dictionary) for part in parts]
    half = len(parts[1]) // 2
    packed[1] = b"".join(zstd.compress(some, zstd_dict=dictionary) for some in (parts[1][:half], parts[1][half:]))
    packed[1] = packed[1] + zstd.compress(b"") + frame(0x184D2A50, b"WARC/1.0\r\n" + packed[0][:200])
    packed[3] = packed[3][:300] + bytes(40) + packed[3][340:]
    path = tmp_path / "a.warc.zst"
    path.write_bytes((b"" if form == "plain" else frame(0x184D2A5D, content)) + b"".join(packed))
    done = ArchiveReading(tmp_path, path)
    assert done.bytes == {f"{number}.jpg": picture(number) for number in (0, 1, 2, 4)}
    assert done.refusals[path.as_uri()] == "unreadable"
    assert done.sentences
    for number, position in zip((0, 1, 2), done.positions, strict=False):
        assert (
            list(ArchiveReading(tmp_path, path, after=position).sightings)
            == ["0.jpg", "1.jpg", "2.jpg", "4.jpg"][number + 1 :]
        )


def test_undecodable_zstd_archive_is_reported_with_a_hint(tmp_path: Path) -> None:
    data = record("1.jpg", http_response(picture(1), JPEG))
    trained = zstd.train_dict([record(f"{n}.html", http_response(b"<p>%d" % n)) for n in range(300)], 4096)
    coded = zstd.compress(data, zstd_dict=trained)
    wide: Mapping[int, int] = {zstd.CompressionParameter.window_log: 28, zstd.CompressionParameter.content_size_flag: 0}
    packer = zstd.ZstdCompressor(options=wide)
    cases = {
        "isn't in": (coded, "zstd -d -D DICTIONARY"),
        "none": (frame(0x184D2A5D, b"no dictionary") + coded, "cannot be used"),
        "torn": (frame(0x184D2A5D, trained.dict_content[:40] + bytes(400)) + coded, "cannot be used"),
        "large": ((0x184D2A5D).to_bytes(4, "little") + b"\xff" * 4 + coded, "larger than 8 MiB"),
        "bomb": (frame(0x184D2A5D, zstd.compress(bytes(9 << 20))) + coded, "cannot be used"),
        "window": (packer.compress(data[:500]) + packer.flush(), "--long=31"),
        "long": (zstd.compress(data) + zstd.compress(data[:9] + b"x" * 10_000_000), "cannot be read beyond byte"),
    }
    packer, piece = zstd.ZstdCompressor(), bytes(1 << 20)
    head = b"WARC/1.1\r\nWARC-Type: metadata\r\nContent-Length: 99999999999999\r\n\r\n"
    endless = [packer.compress(head), *(packer.compress(piece) for _ in range(280)), packer.flush()]
    cases["endless"] = b"".join((*endless, zstd.compress(data))), "The record at byte 0"
    for name, (packed, expected) in cases.items():
        path = tmp_path / f"{name}.warc.zst"
        path.write_bytes(packed)
        done = ArchiveReading(tmp_path, path)
        assert expected in done.sentences[0], name
        assert done.code is ExitCode.INCOMPLETE
        assert set(done.sightings) == ({"1.jpg"} if name in ("long", "endless") else set())


@pytest.mark.parametrize("packed", [False, True])
def test_blank_lines_around_records_are_ignored(tmp_path: Path, packed: bool) -> None:  # noqa: FBT001
    pictures = [record(f"{number}.jpg", http_response(picture(number), JPEG)) for number in range(3)]
    done = read_archive(
        tmp_path, b"\r\n\n" + pictures[0], b"\r\n", b"\r\n\r\n\r\n" + pictures[1] + pictures[2], packed=packed
    )
    assert list(done.sightings) == ["0.jpg", "1.jpg", "2.jpg"]
    assert done.refusals == {}
    archive = tmp_path / ("a.warc.gz" if packed else "a.warc")
    for number, position in enumerate(done.positions):
        assert (
            list(ArchiveReading(tmp_path, archive, after=position).sightings)
            == ["0.jpg", "1.jpg", "2.jpg"][number + 1 :]
        )


def test_damaged_record_does_not_stop_later_records(tmp_path: Path) -> None:
    parts = [record(f"{number}.jpg", http_response(picture(number), JPEG)) for number in range(4)]
    packed = [gzip.compress(part) for part in parts]
    packed[1] = packed[1][:300] + bytes(40) + packed[1][340:]
    packed[2] = packed[2][: len(packed[2]) // 2]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(packed))
    done = ArchiveReading(tmp_path, tmp_path / "a.warc.gz")
    assert {"0.jpg", "3.jpg"} == set(done.sightings)
    assert done.code is ExitCode.INCOMPLETE
    parts[1] = parts[1].replace(b"Content-Length: ", b"Content-Length: -", 1)
    again = read_archive(tmp_path, *parts)
    assert set(again.sightings) == {"0.jpg", "2.jpg", "3.jpg"}
    assert again.refusals == {(tmp_path / "a.warc").as_uri(): "unreadable"}
    assert again.code is ExitCode.INCOMPLETE


def arc(name: str, block: bytes, kind: str = "image/jpeg", length: str = "") -> bytes:
    """Return an ARC record."""
    return f"{URL}{name} 192.0.2.1 20200102030405 {kind} {length or len(block)}\n".encode() + block + b"\n"


def test_archives_written_by_other_tools_are_read(tmp_path: Path) -> None:
    head = b"filedesc://a.arc 0.0.0.0 20200102030405 text/plain 9\n1 0 Test\n\n"
    kinds = {"0.jpg": "", "1.jpg": "image/jpeg; q=1", "2.jpg": "image/jpeg 200 SUM - 0 a.arc"}
    parts = [arc(name, http_response(picture(n), JPEG), kind) for n, (name, kind) in enumerate(kinds.items())]
    path = tmp_path / "a.arc"
    path.write_bytes(b"".join((head, *parts, arc("bad.jpg", http_response(picture(3), JPEG), length="none"), parts[0])))
    done = ArchiveReading(tmp_path, path)
    assert done.bytes == {name: picture(number) for number, name in enumerate(kinds)}
    assert done.positions[-1] != done.positions[0]  # after the damage, too
    assert done.sentences
    lines = record("a.jpg", http_response(picture(1), JPEG)).replace(b"WARC/1.1\r\n", b"WARC/1.1\r\r\n")
    flash = b"CWS\x07H\x15\x03\x00" + bytes(range(256))
    done = read_archive(
        tmp_path,
        lines.replace(b".jpg\r\n", b".jpg\r\r\n"),
        record("player.swf", http_response(flash, "Content-Type: application/x-shockwave-flash")),
        record("unknown", http_response(flash, "Content-Type: application/octet-stream")),
    )
    assert set(done.sightings) == {"a.jpg", "unknown"}  # only decoding detects the second
    assert done.skipped == {"not-an-image": 1}


def test_header_like_lines_are_read_in_linear_time(tmp_path: Path) -> None:
    """Test that reading takes linear time. In quadratic time the first line would take an hour, the second minutes."""
    returns = record("1.jpg", b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nX: " + b"\r" * (1 << 20))
    whole = record("0.jpg", http_response(picture(0), JPEG))
    done = read_archive(tmp_path, b"x" + b" 1111" * 200_000 + b" z\n", returns, whole)
    assert list(done.sightings) == ["0.jpg"]
    assert done.refusals["1.jpg"] == "incomplete"
    assert re.search(r"\b0\b", done.sentences[0])


def test_too_many_empty_members_end_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.zst"
    parts = [zstd.compress(record(f"{n}.jpg", http_response(picture(n), JPEG))) for n in range(3)]
    skipped = b"\x50\x2a\x4d\x18\2\0\0\0ab"
    path.write_bytes(parts[0] + skipped * 100 + parts[1] + skipped * 10_001 + parts[2])
    done = ArchiveReading(tmp_path, path)
    assert list(done.sightings) == ["0.jpg", "1.jpg", "2.jpg"]
    assert len(done.sentences) == 1  # one is reported, and the records after it are found


def test_packed_archive_without_records_or_invalid_file_is_reported(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.wacz", "w") as wacz:
        wacz.writestr("datapackage.json", "{}")
    (tmp_path / "b.warc").write_bytes(b"some words\n")
    for name in ("a.wacz", "b.warc"):
        done = ArchiveReading(tmp_path, tmp_path / name)
        assert done.refusals == {(tmp_path / name).as_uri(): "unreadable"}
        assert done.code is ExitCode.INCOMPLETE


@pytest.mark.parametrize(
    ("date", "moment", "period"),
    [
        ("2016-01-11T23:24:03.5Z", "2016-01-11T23:24:03.500000+00:00", ""),
        ("2016-01-11T23:24Z", None, "2016-01-11T23:24Z"),
        ("2016-01-11", None, "2016-01-11"),
        ("2016-01", None, "2016-01"),
        ("2016", None, "2016"),
        ("20160111232403", "2016-01-11T23:24:03+00:00", ""),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999+00:00", ""),
        ("2016-01-11T23:24:03", "2016-01-11T23:24:03+00:00", ""),
        ("", None, ""),
        ("yesterday", None, ""),
        ("2999-01-01T00:00:00Z", None, ""),
    ],
)
def test_picture_sighting_uses_record_date_not_import_time(
    tmp_path: Path, date: str, moment: str | None, period: str
) -> None:
    done = read_archive(tmp_path, record("a.jpg", http_response(picture(1), JPEG), date=date))
    sighting = done.sightings["a.jpg"]
    assert (None if sighting.fetched_at is None else sighting.fetched_at.isoformat(), sighting.period) == (
        moment,
        period,
    )


def test_crawl_and_archive_decoding_agree(tmp_path: Path) -> None:
    data = picture(5)
    coded = {"gzip": gzip.compress(data), "br": brotli.compress(data), "zstd": zstd.compress(data)}
    with Site() as site:
        names = [f"{kind}{coding}.jpg" for coding in coded for kind in ("whole-", "cut-")]
        names += ["203.jpg", "206.jpg", "part.jpg"]
        site.page("/", "".join(f'<img src="/{name}">' for name in names))
        for coding, body in coded.items():
            headers = (("Content-Encoding", coding),)
            site.routes[f"/whole-{coding}.jpg"] = Answer(body, "image/jpeg", headers=headers)
            site.routes[f"/cut-{coding}.jpg"] = Answer(body[: len(body) * 88 // 100], "image/jpeg", headers=headers)
        size = len(data)
        for name, status, total in (("203", 203, "*"), ("206", 206, size), ("part", 206, "*")):
            of = (("Content-Range", f"bytes 0-{size - 1}/{total}"),)
            site.routes[f"/{name}.jpg"] = Answer(data, "image/jpeg", status=status, headers=of)
        done = crawl(tmp_path, urls=[{"url": site.url()}], follow=False)
        whole = {site.url(f"/whole-{coding}.jpg") for coding in coded}
        assert {sighting.image_url for sighting in done.sightings} == whole | {
            site.url("/203.jpg"),
            site.url("/206.jpg"),
        }
        assert {done.bytes_of(sighting) for sighting in done.sightings} == {data}
        cut = {site.url(f"/cut-{coding}.jpg"): "incomplete" for coding in coded}
        assert done.refusals == {**cut, site.url("/part.jpg"): "incomplete"}


def urn(name: str, block: bytes, media_type: str) -> bytes:
    head = record("", block, f"Content-Type: {media_type}", kind="resource")
    return head.replace(f"WARC-Target-URI: {URL}".encode(), f"WARC-Target-URI: {name}".encode())


@pytest.mark.parametrize(
    "prefix",
    ["urn:view:", "urn:fullPage:", "urn:thumbnail:", "urn:fullPageFinal:", "screenshot:", "thumbnail:", "URN:VIEW:"],
)
def test_screenshot_belongs_to_its_page_and_is_marked(tmp_path: Path, prefix: str) -> None:
    page = "https://shop.example/item/1?a=b"
    done = read_archive(
        tmp_path,
        urn(prefix + page, picture(1), "image/png"),
        urn(f"urn:text:{page}", b"words", "text/plain"),
        urn(f"urn:pageinfo:{page}", b"{}", "application/json"),
    )
    (sighting,) = done.sightings.values()
    assert (sighting.page_url, sighting.image_url, sighting.found_in) == (page, prefix + page, SCREENSHOT)
    assert sighting.fetched_at is not None
    assert done.skipped == {"not-an-image": 2}


def segments(name: str, data: bytes, size: int = 300) -> list[bytes]:
    """Return a response in segments, as in WARC 1.1, 7."""
    block = http_response(data, JPEG)
    parts = [block[at : at + size] for at in range(0, len(block), size)]
    first = record(
        name, parts[0], "WARC-Record-ID: <urn:uuid:1>", "WARC-Segment-Number: 1",
        f"WARC-Payload-Digest: {sha1(data)}", f"WARC-Block-Digest: {sha1(parts[0])}",
    )  # fmt: skip
    origin = "WARC-Segment-Origin-ID: <urn:uuid:1>"
    rest = [
        record(name, part, origin, f"WARC-Segment-Number: {number}", kind="continuation")
        for number, part in enumerate(parts[1:-1], 2)
    ]
    total = f"WARC-Segment-Total-Length: {len(block)}"
    return [
        first,
        *rest,
        record(name, parts[-1], origin, f"WARC-Segment-Number: {len(parts)}", total, kind="continuation"),
    ]


def test_segmented_record_is_one_picture_across_files(tmp_path: Path) -> None:
    data = picture(1)
    first, *rest = segments("1.jpg", data)
    assert len(rest) > 1
    between = record("2.jpg", http_response(picture(2), JPEG))
    done = read_archive(tmp_path, first, between, *rest)
    assert (done.bytes["1.jpg"], set(done.sightings), done.refusals, done.skipped) == (data, {"1.jpg", "2.jpg"}, {}, {})
    folder = tmp_path / "parts"
    folder.mkdir()
    for number, part in enumerate([first, *rest]):
        (folder / f"{number}.warc").write_bytes(part)
    assert ArchiveReading(tmp_path / "again", folder).bytes == {"1.jpg": data}


@pytest.mark.parametrize("lost", [0, 1, -1])
def test_record_with_missing_segments_is_reported(tmp_path: Path, lost: int) -> None:
    parts = segments("1.jpg", picture(1))
    del parts[lost]
    done = read_archive(tmp_path, *parts)
    assert done.sightings == {}
    assert done.refusals == ({} if lost == 0 else {"1.jpg": "incomplete"})
    assert done.skipped.get("continuation", 0) == {0: len(parts), 1: len(parts) - 1, -1: 0}[lost]


def packed_archive(path: Path | io.BytesIO, members: Mapping[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as wacz:
        for name, data in members.items():
            wacz.writestr(name, data)


def test_nested_packed_archives_are_read_completely_and_resume(tmp_path: Path) -> None:
    inner: dict[str, bytes] = {}
    for number in (1, 2):
        stream = io.BytesIO()
        packed_archive(stream, {"archive/data.warc": record(f"{number}.jpg", http_response(picture(number), JPEG))})
        inner[f"crawl-{number}.wacz"] = stream.getvalue()
    resources = [{"path": name} for name in (*inner, "crawl-3.wacz", "https://b.example/crawl-4.wacz?x=1")]
    package = json.dumps({"profile": "multi-wacz-package", "resources": resources}).encode()
    packed_archive(tmp_path / "all.wacz", {**inner, "broken.wacz": b"none", "datapackage.json": package})
    done = ArchiveReading(tmp_path / "read", tmp_path / "all.wacz")
    assert set(done.sightings) == {"1.jpg", "2.jpg"}
    assert len(done.sentences) == 3
    assert [any(name in sentence for sentence in done.sentences) for name in ("crawl-3", "crawl-4", "broken")] == [
        True
    ] * 3
    assert done.code is ExitCode.INCOMPLETE
    first = min(done.positions)
    assert set(ArchiveReading(tmp_path / "rest", tmp_path / "all.wacz", after=first).sightings) < {"1.jpg", "2.jpg"}
