"""Where a job goes on reading a WARC file, when what it is given is no place."""

from pathlib import Path

import pytest

from crawler.crawl import Crawl
from crawler.files import read_files
from crawler.job import Job, Source, SourceKind
from exhibit.errors import WrongUseError


@pytest.mark.parametrize("after", ["x", "12", "-1 a.warc", "1.5 a.warc", "99999999999999999999999 a.warc", " a.warc"])
def test_a_position_that_is_none_gives_a_sentence(tmp_path: Path, after: str) -> None:
    archive = tmp_path / "a.warc"
    archive.write_bytes(b"")
    source = Source(kind=SourceKind.WARC, path=archive, after=after)
    with pytest.raises(WrongUseError, match="is no place in a WARC file"):
        read_files(Crawl.of(Job(bytes_dir=tmp_path / "bytes", sources=(source,)), lambda _line: None))
