"""Test that the crawler's lines are received from its process, which does not outlive the block that started it."""

import json
import subprocess
from pathlib import Path

import pytest

from crawler.formats.job import Job, Source, SourceKind
from exhibit.digests import Digest
from registry.crawls import crawler_process
from registry.crawls.crawler_process import crawl_child
from tests.assets.rows import photograph


@pytest.mark.long
def test_crawler_lines_arrive_complete_and_bytes_are_stored_at_requested_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crawler_process, "subprocess", subprocess)  # runs the command itself instead of forking
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "one.jpg").write_bytes(photograph(1))
    job = Job(bytes_dir=tmp_path / "bytes", sources=(Source(kind=SourceKind.FOLDER, path=folder),))
    with crawl_child(job, tmp_path / "spool", pause=0.05) as lines:
        records = [json.loads(line) for line in lines if line is not None]
    digest = Digest.from_bytes(photograph(1))
    assert digest.hex in str(records)
    assert [path.read_bytes() for path in job.bytes_dir.rglob("*") if path.is_file()] == [photograph(1)]
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0
