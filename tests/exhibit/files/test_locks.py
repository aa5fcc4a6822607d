"""Test locks of the data folder and their holders."""

import errno
import os
from pathlib import Path

import pytest

from exhibit.files.locks import FileLock, find_holder_pid


def test_lock_reports_its_holder_even_on_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, write = tmp_path / "lock", os.pwrite

    def full(handle: int, data: bytes, offset: int) -> int:
        if offset + len(data) > os.fstat(handle).st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, data, offset)

    lock = FileLock(path)
    assert lock.acquire()
    lock.write_pid()
    monkeypatch.setattr("os.pwrite", full)
    lock.release()
    assert lock.acquire()
    assert find_holder_pid(path) is None  # taken, but not yet signed
    lock.write_pid()
    assert find_holder_pid(path) == os.getpid()
    lock.release()
    assert find_holder_pid(path) is None
