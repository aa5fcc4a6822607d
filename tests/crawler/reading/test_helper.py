"""Test that documents designed to stall a reader are read or refused, soon and within memory limits."""

import resource
import time
from contextlib import suppress
from pathlib import Path

import pytest

from crawler.crawling.files import read_files
from crawler.formats.job import Job, Kind, Source, SourceKind
from crawler.reading import helper
from crawler.reading.policy import parse_robots
from crawler.state.crawl import Crawl
from exhibit.errors import ExhibitError, RefusedError
from registry.works import workbooks
from registry.works.spreadsheets import read_lines
from tests.assets.hostile_documents import HOSTILE_DOCUMENTS

SECONDS, MIB = 20.0, 1 << 20
ABOUT: dict[str, dict[str, object]] = {
    "page": {"token": "exhibitbot"},
    "sitemap": {"max_bytes": 8 * MIB},
    "feed": {"max_bytes": 8 * MIB, "content_type": "application/rss+xml"},
}


def _read_document(kind: str, data: bytes, folder: Path) -> None:
    if kind in ABOUT:
        helper.parse_document(data, Kind(kind), url="https://a.example/", **ABOUT[kind])
    elif kind == "sheet":
        helper.parse_sheet(data, "text/css")
    elif kind == "robots":
        parse_robots(200, data, "exhibitbot").allows("https://a.example/" + "a" * 2000)
    elif kind == "warc":
        (folder / "a.warc").write_bytes(data)
        source = Source(kind=SourceKind.WARC, path=folder / "a.warc")
        read_files(Crawl(Job(bytes_dir=folder / "bytes", sources=(source,)), lambda _line: None))
    else:
        read_lines(
            "a.xlsx",
            data,
            {"file": 100},
            required_column="file",
            aliases={},
            convert=lambda _line, filled: dict(filled),
        )


TELLING = (
    "attributes",
    "nesting",
    "candidates",
    "broken JSON-LD",
    "a long style",
    "brackets in a sheet",
    "entity bomb in a feed",
    "zipped sitemap",
    "robots.txt",
    "a record that says it is longer",
    "a zipped record",
    "workbook of zeros",
    "nesting in a workbook",
)
"""One document of each kind and technique."""


@pytest.mark.parametrize(
    "name", [name if name in TELLING else pytest.param(name, marks=pytest.mark.long) for name in HOSTILE_DOCUMENTS]
)
def test_each_hostile_document_finishes_quickly(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "CPU_SECONDS", 0.5)
    monkeypatch.setattr(workbooks, "MAX_SECONDS", 1.0)
    kind, data = HOSTILE_DOCUMENTS[name]()
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with suppress(ExhibitError):
        _read_document(kind, data, tmp_path)
    assert time.process_time() - start < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 512 * 1024


@pytest.mark.long
def test_slow_document_is_refused_and_next_document_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "CPU_SECONDS", 0.1)
    _, slow = HOSTILE_DOCUMENTS["styles"]()
    with pytest.raises(RefusedError) as refused:
        helper.parse_document(slow, Kind.PAGE, url="https://a.example/", token="")
    assert refused.value.reason == "unreadable"
    monkeypatch.undo()
    page = helper.parse_document(b"<img src=a.jpg>", Kind.PAGE, url="https://a.example/", token="")
    assert [image.url for image in page.images] == ["https://a.example/a.jpg"]
