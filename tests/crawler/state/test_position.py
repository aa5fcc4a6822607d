"""Where a job goes on reading a WARC file, and what of the machine ends it."""

import errno
import io
import os
from pathlib import Path
from typing import IO, Any

import pytest

from crawler.crawling.files import read_files
from crawler.formats.job import Job, Source, SourceKind
from crawler.state.crawl import Crawl
from exhibit.errors import ServiceMissingError, WrongUseError


@pytest.mark.parametrize("after", ["x", "12", "-1 a.warc", "1.5 a.warc", "99999999999999999999999 a.warc", " a.warc"])
def test_a_position_that_is_none_gives_a_sentence(tmp_path: Path, after: str) -> None:
    archive = tmp_path / "a.warc"
    archive.write_bytes(b"")
    source = Source(kind=SourceKind.WARC, path=archive, after=after)
    with pytest.raises(WrongUseError, match="is no place in a WARC file"):
        read_files(Crawl.of(Job(bytes_dir=tmp_path / "bytes", sources=(source,)), lambda _line: None))


@pytest.mark.parametrize(
    ("error", "ends"),
    [(OSError(errno.EIO, os.strerror(errno.EIO)), ServiceMissingError), (MemoryError(), MemoryError)],
)
def test_what_the_machine_cannot_read_makes_no_archive_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, ends: type[Exception]
) -> None:
    archive = tmp_path / "a.warc"
    archive.write_bytes(b"WARC/1.0\r\n")
    opened = Path.open

    class Failing(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise error

    def failing(path: Path, *given: Any, **named: Any) -> IO[Any]:  # noqa: ANN401 - as the one that it stands for
        return Failing() if path == archive else opened(path, *given, **named)

    monkeypatch.setattr(Path, "open", failing)
    source = Source(kind=SourceKind.WARC, path=archive)
    with pytest.raises(ends):
        read_files(Crawl.of(Job(bytes_dir=tmp_path / "bytes", sources=(source,)), lambda _line: None))
