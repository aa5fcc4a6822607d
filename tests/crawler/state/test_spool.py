from pathlib import Path

import pytest

from crawler.state.crawl import Spool
from exhibit.digests import Digest
from exhibit.errors import ServiceMissingError


def test_spool_writes_whole_files_under_their_digest(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "deep" / "spool")
    assert spool.put(b"bytes") == spool.put(b"bytes") == Digest.from_bytes(b"bytes")
    (file,) = (tmp_path / "deep" / "spool").iterdir()
    assert (file.name, file.read_bytes()) == (Digest.from_bytes(b"bytes").hex, b"bytes")
    file.unlink()
    spool.put(b"bytes")
    assert file.exists()


def test_unwritable_spool_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ServiceMissingError):
        Spool(tmp_path / "file")
