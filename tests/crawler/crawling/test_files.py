"""Test file sources (folders and archives), and where a job continues to read them."""

import errno
import gzip
import io
import json
import os
import zipfile
from pathlib import Path
from typing import IO, Any

import pytest

from crawler.crawling.files import count_files, read_files
from crawler.formats.job import Job, Limits, Source, SourceKind
from crawler.formats.lines import EndLine, Line, PageLine
from crawler.state.budget import Budget
from crawler.state.crawl import Crawl
from exhibit.errors import InvalidRequestError, ServiceMissingError
from tests.assets.crawling import crawl
from tests.assets.site import picture
from tests.assets.users import ordinary_user


@pytest.mark.parametrize("after", ["x", "12", "-1 a.warc", "1.5 a.warc", "99999999999999999999999 a.warc", " a.warc"])
def test_invalid_position_returns_readable_message(tmp_path: Path, after: str) -> None:
    archive = tmp_path / "a.warc"
    archive.write_bytes(b"")
    source = Source(kind=SourceKind.WARC, path=archive, after=after)
    with pytest.raises(InvalidRequestError):
        read_files(Crawl(Job(bytes_dir=tmp_path / "bytes", sources=(source,)), lambda _line: None))


@pytest.mark.parametrize(
    ("error", "ends"),
    [(OSError(errno.EIO, os.strerror(errno.EIO)), ServiceMissingError), (MemoryError(), MemoryError)],
)
def test_local_read_error_does_not_mark_the_archive_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, ends: type[Exception]
) -> None:
    archive = tmp_path / "a.warc"
    archive.write_bytes(b"WARC/1.0\r\n")
    opened = Path.open

    class Failing(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise error

    def fail_on_archive(path: Path, *arguments: Any, **options: Any) -> IO[Any]:  # noqa: ANN401 - as the one that it stands for
        return Failing() if path == archive else opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", fail_on_archive)
    source = Source(kind=SourceKind.WARC, path=archive)
    with pytest.raises(ends):
        read_files(Crawl(Job(bytes_dir=tmp_path / "bytes", sources=(source,)), lambda _line: None))


def test_folder_is_read_without_network_access(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "deep").mkdir(parents=True)
    (photos / "deep" / "my photo.jpg").write_bytes(picture(1))
    (photos / "notes.txt").write_text("no picture")
    (photos / "link.jpg").symlink_to(photos / "deep" / "my photo.jpg")
    done = crawl(tmp_path, sources=[{"kind": "folder", "path": str(photos)}], allowed_networks=[])
    (sighting,) = done.sightings
    assert sighting.page_url == (photos / "deep" / "my photo.jpg").as_uri()
    assert (sighting.found_in, sighting.context) == ("file", "my photo")
    assert done.bytes_of(sighting) == picture(1)
    assert done.refusals == {
        (photos / "notes.txt").as_uri(): "not-an-image",
        (photos / "link.jpg").as_uri(): "link",
    }


def run_short_jobs(tmp_path: Path, source: dict[str, str]) -> list[list[str]]:
    """Return the URLs found by consecutive jobs without any time, each continuing where the last one stopped."""
    urls_by_job: list[list[str]] = []
    after = ""
    while True:
        sources = [{**source, "after": after}]
        job = Job.from_json(json.dumps({"bytes_dir": str(tmp_path / "bytes"), "sources": sources}))
        lines: list[Line] = []
        crawl_of = Crawl(job, lines.append)
        crawl_of.budget = Budget(Limits(seconds=0.1))
        crawl_of.budget._started_at -= 0.1  # the whole budget
        read_files(crawl_of)
        urls_by_job.append([line.url for line in lines if not isinstance(line, EndLine)])
        end = lines[-1]
        assert isinstance(end, EndLine)
        if end.reason == "finished":
            return urls_by_job
        after = end.position


def test_unreadable_files_folders_and_links_to_folders_are_counted(open_folder: Path) -> None:
    photos = open_folder / "photos"
    photos.mkdir()
    photos.chmod(0o755)
    (photos / "one.jpg").write_bytes(picture(1))
    (photos / "one.jpg").chmod(0o644)
    (photos / "closed.jpg").write_bytes(picture(2))
    (photos / "closed.jpg").chmod(0)
    (photos / "secret").mkdir(mode=0)
    (photos / "linked").symlink_to(open_folder)
    with ordinary_user():
        *_, count = count_files(SourceKind.FOLDER, photos)
        *_, archives = count_files(SourceKind.WARC, photos)
    assert (count.pictures, count.refusals, count.is_complete) == (1, {"unreadable": 2, "link": 1}, True)
    assert {name for name in ("closed.jpg", "secret") if any(name in problem for problem in count.problems)} == {
        "closed.jpg",
        "secret",
    }
    assert archives.refusals == {"unreadable": 1}


def test_folder_with_archive_is_counted_while_reading(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(picture(number))
    (tmp_path / "x.warc.gz").write_bytes(b"")
    assert [*count_files(SourceKind.FOLDER, tmp_path)][-1].pictures == 3
    assert [*count_files(SourceKind.WARC, tmp_path)][-1].pictures == 0


def test_folder_is_read_across_several_jobs(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "b").mkdir(parents=True)
    paths = [photos / name for name in ("b/1.jpg", "b/2.txt", "a.jpg", "c.jpg")]
    for number, path in enumerate(paths):
        path.write_bytes(picture(number))
    urls_by_job = run_short_jobs(tmp_path, {"kind": "folder", "path": str(photos)})
    assert urls_by_job == [[picture_path.as_uri()] for picture_path in sorted(paths)] + [[]]


@pytest.mark.parametrize("packed", [True, False])
def test_archives_are_read_across_several_jobs(tmp_path: Path, packed: bool) -> None:  # noqa: FBT001
    suffix = ".warc.gz" if packed else ".warc"
    for name in "ab":
        records = [
            warc_record(f"http://example.org/{name}1.jpg", "200 OK", "image/jpeg", picture(1)),
            warc_record("http://example.org/", "200 OK", "text/html", b"<p>page"),
            warc_record(f"http://example.org/{name}2.jpg", "200 OK", "image/jpeg", picture(2)),
            *([b"\x1f\x8bcut off"] if packed else []),
        ]
        (tmp_path / f"{name}{suffix}").write_bytes(
            b"".join(data if packed or not data.startswith(b"\x1f") else gzip.decompress(data) for data in records)
        )
    urls_by_job = run_short_jobs(tmp_path, {"kind": "warc", "path": str(tmp_path)})
    expected = []
    for name in "ab":
        expected += [[f"http://example.org/{name}1.jpg"], [], [f"http://example.org/{name}2.jpg"]]
        expected += [[(tmp_path / f"{name}{suffix}").as_uri()]] if packed else []
    assert urls_by_job == [*expected, []]


def test_archived_picture_is_linked_to_its_page(tmp_path: Path) -> None:
    page = "<p>Boats before <img src='/1.jpg' alt='Harbour'><img data-src='http://cdn.example/2.jpg'>".encode("utf-16")
    records = [
        warc_record("http://example.org/0.jpg", "200 OK", "image/jpeg", picture(3)),
        warc_record("http://example.org/a", "200 OK", "text/html; charset=utf-16", page),
        warc_record("http://example.org/b", "200 OK", "text/html", b"<img src=/1.jpg>"),
        warc_record("http://example.org/1.jpg", "200 OK", "image/jpeg", picture(1)),
        warc_record("http://cdn.example/2.jpg", "200 OK", "image/jpeg", picture(2)),
    ]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(records))
    lines = read_all(tmp_path, tmp_path / "a.warc.gz")
    sources = {
        sighting.image_url: (sighting.page_url, sighting.context) for line in lines for sighting in line.sightings
    }
    assert sources == {
        "http://example.org/0.jpg": ("http://example.org/0.jpg", ""),
        "http://example.org/1.jpg": ("http://example.org/a", "Harbour Boats before"),
        "http://cdn.example/2.jpg": ("http://example.org/a", "Boats before"),
    }


def test_arc_and_packed_archives_resume_from_any_position(tmp_path: Path) -> None:
    names = b"1 0 Test\nURL IP-address Archive-date Content-type Archive-length\n"
    header = b"filedesc://a.arc 0.0.0.0 20200102030405 text/plain %d\n" % len(names) + names + b"\n"
    http = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + picture(4)
    entry = b"http://example.org/4.jpg 192.0.2.7 20200102030405 image/jpeg %d\n" % len(http) + http + b"\n"
    (tmp_path / "a.arc").write_bytes(header + entry)
    with zipfile.ZipFile(tmp_path / "b.wacz", "w") as packed:
        packed.writestr("datapackage.json", "{}")
        for name in ("1", "2"):
            record = warc_record(f"http://example.org/{name}.jpg", "200 OK", "image/jpeg", picture(int(name)))
            packed.writestr(f"archive/{name}.warc.gz", record)
        packed.writestr("pages/pages.jsonl", "{}")
    (tmp_path / "c.wacz").write_bytes(b"PK\x03\x04 no archive")
    urls_by_job = run_short_jobs(tmp_path, {"kind": "warc", "path": str(tmp_path)})
    assert [urls for urls in urls_by_job if urls] == [
        ["http://example.org/4.jpg"],
        ["http://example.org/1.jpg"],
        ["http://example.org/2.jpg"],
        [(tmp_path / "c.wacz").as_uri()],
    ]


def read_all(folder: Path, archive: Path) -> list[PageLine]:
    lines: list[Line] = []
    source = Source(kind=SourceKind.WARC, path=archive)
    read_files(Crawl(Job(bytes_dir=folder / "bytes", sources=(source,)), lines.append))
    return [line for line in lines if isinstance(line, PageLine)]


def warc_record(url: str, status: str, media_type: str, body: bytes) -> bytes:
    """Return a response record (ISO 28500), compressed by itself."""
    http = f'HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nETag: "1"\r\n\r\n'.encode() + body
    head = "WARC/1.1\r\nWARC-Type: response\r\nWARC-Date: 2020-01-02T03:04:05Z\r\nWARC-IP-Address: 192.0.2.7\r\n"
    head += f"WARC-Target-URI: {url}\r\nWARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-000000000001>\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    return gzip.compress(head.encode() + http + b"\r\n\r\n")


def test_warc_images_keep_address_headers_and_time(tmp_path: Path) -> None:
    records = [
        warc_record("http://example.org/a.jpg", "200 OK", "image/jpeg", picture(1)),
        warc_record("http://example.org/", "200 OK", "text/html", b"<p>page"),
        warc_record("http://example.org/b.jpg", "200 OK", "image/jpeg", b"<p>error"),
        warc_record("http://example.org/c.jpg", "404 Not Found", "image/jpeg", picture(2)),
        b"\x1f\x8bcut off",
    ]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(records))
    done = crawl(tmp_path, sources=[{"kind": "warc", "path": str(tmp_path / "a.warc.gz")}])
    (sighting,) = done.sightings
    assert (sighting.image_url, sighting.status, sighting.peer) == ("http://example.org/a.jpg", 200, "192.0.2.7")
    assert dict(sighting.response_headers)["ETag"] == '"1"'
    assert sighting.fetched_at is not None
    assert sighting.fetched_at.isoformat() == "2020-01-02T03:04:05+00:00"
    assert done.bytes_of(sighting) == picture(1)
    archive = (tmp_path / "a.warc.gz").as_uri()
    assert done.refusals == {"http://example.org/b.jpg": "not-an-image", archive: "unreadable"}
