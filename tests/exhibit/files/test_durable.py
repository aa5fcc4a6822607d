import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exhibit.files.durable import sync_file, sync_path, write_once


def test_only_the_first_of_concurrent_writers_creates_the_private_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    texts = [bytes([number]) * 5_000 for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda text: write_once(path, text), texts))
    assert won.count(True) == 1
    assert path.read_bytes() == texts[won.index(True)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]  # no draft remains


def test_failed_write_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_once(tmp_path / "secret", b"x")
    assert list(tmp_path.iterdir()) == []


def test_write_to_disk_calls_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    with (tmp_path / "file").open("wb") as file:
        file.write(b"bytes")
        sync_file(file)
        assert (synced, (tmp_path / "file").read_bytes()) == ([file.fileno()], b"bytes")
    sync_path(tmp_path)
    assert len(synced) == 2
