"""Test moving bytes to another store: all of them, each complete, despite interruptions."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, StorageError
from exhibit.files.blobs import TRANSFER_BYTES, FolderBlobStore, get_blob_store
from exhibit.files.bucket import BUCKET_MISSING, FOREIGN_BUCKET
from exhibit.files.locks import FileLock
from registry.configuration import load_config
from registry.services.stores import WITHHELD, open_blob_store
from tests import CHECKOUT
from tests.assets.processes import wait_until
from tests.assets.swift_server import S3
from workers.database.moving import MoveResult, copy_blobs
from workers.servers.embedded import lock_folder


@pytest.fixture
def source_config(tmp_path: Path) -> Config:
    (tmp_path / "data").mkdir()
    return load_config({"EXHIBIT_DATA": str(tmp_path / "data")})


def ignore_progress(_: MoveResult) -> None:
    """Ignore progress."""


@pytest.mark.long
def test_bytes_move_to_a_bucket_and_back_including_withheld_bytes(
    s3: S3, source_config: Config, tmp_path: Path
) -> None:
    url = s3.url_for(source_config.data_dir)
    blobs, withheld_store = get_blob_store(source_config.data_dir), open_blob_store(source_config, "", WITHHELD)
    large = tmp_path / "large"
    large.write_bytes(b"x" * (TRANSFER_BYTES + 1))
    digests = {*(blobs.put(bytes([number])) for number in range(30)), blobs.put_file(large), blobs.put(b"")}
    withheld_digest = withheld_store.put(b"withheld")
    progress: list[int] = []
    moved = copy_blobs(source_config, "", url, lambda moved: progress.append(moved.files))
    assert (moved.files, moved.damaged, progress) == (33, [], list(range(1, 34)))
    assert moved.size == sum(map(blobs.size, digests)) + len(b"withheld")
    assert set(open_blob_store(source_config, url)) == digests
    assert list(open_blob_store(source_config, url, WITHHELD)) == [withheld_digest]
    assert open_blob_store(source_config, url).is_intact(Digest.from_file(large))
    assert copy_blobs(source_config, "", url, ignore_progress).copied == 0

    other = replace(source_config, data_dir=tmp_path / "other")
    (tmp_path / "other").mkdir()
    (source_config.data_dir / "secrets").rename(tmp_path / "other" / "secrets")
    assert copy_blobs(other, url, "", ignore_progress).files == 33
    assert set(get_blob_store(other.data_dir)) == digests
    assert not (other.data_dir / "moving").exists()


def test_damaged_source_bytes_are_skipped_and_target_bytes_rewritten(source_config: Config, tmp_path: Path) -> None:
    blobs, url = get_blob_store(source_config.data_dir), (tmp_path / "there").as_uri()
    whole, changed = blobs.put(b"whole"), blobs.put(b"as it was")
    copy_blobs(source_config, "", url, ignore_progress)
    target = FolderBlobStore(tmp_path / "there" / "blobs")
    for store, digest in ((blobs, changed), (target, whole), (target, changed)):
        store.get_path(digest).chmod(0o600)
        store.get_path(digest).write_bytes(b"changed")
    moved = copy_blobs(source_config, "", url, ignore_progress)
    assert (moved.damaged, moved.files, moved.copied) == ([changed], 1, 1)
    assert target.get(whole) == b"whole"


@pytest.mark.long
def test_foreign_or_missing_bucket_is_rejected(s3: S3, source_config: Config, tmp_path: Path) -> None:
    get_blob_store(source_config.data_dir).put(b"bytes")
    url = s3.url_for(source_config.data_dir)
    copy_blobs(source_config, "", url, ignore_progress)
    other = replace(source_config, data_dir=tmp_path / "other")
    (other.data_dir / "secrets").mkdir(parents=True)
    (other.data_dir / "secrets" / "bucket.toml").write_text(s3.settings())
    for to, message in ((url, FOREIGN_BUCKET), ("s3://never-made/x", BUCKET_MISSING)):
        with pytest.raises(StorageError, match=message):
            copy_blobs(other, "", to, ignore_progress)


def test_concurrent_move_is_rejected(source_config: Config, tmp_path: Path) -> None:
    get_blob_store(source_config.data_dir)
    lock = FileLock(lock_folder(source_config) / "moving.lock")
    assert lock.acquire()
    with pytest.raises(InvalidRequestError, match="already"):
        copy_blobs(source_config, "", (tmp_path / "there").as_uri(), ignore_progress)
    lock.release()


@pytest.mark.long
@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_interrupted_move_resumes_with_the_same_command(
    source_config: Config, tmp_path: Path, how: int, code: int
) -> None:
    digests = {get_blob_store(source_config.data_dir).put(number.to_bytes(2, "big") * 50_000) for number in range(500)}
    url, target = (tmp_path / "there").as_uri(), tmp_path / "there" / "blobs"
    command = [sys.executable, "-m", "desk", "blobs", "move", "--to", url]
    environ = {**os.environ, "EXHIBIT_DATA": str(source_config.data_dir), "DATABASE_URL": "", "REDIS_URL": ""}
    with subprocess.Popen(command, env=environ, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as moving:
        wait_until(lambda: len(list(target.glob("[0-9a-f]*/*/*"))) > 5)
        moving.send_signal(how)
        _, err = moving.communicate()
    assert (moving.returncode, "Traceback" in err) == (code, False), err
    store = FolderBlobStore(target)
    assert 5 < len(list(store)) < 500
    assert all(map(store.is_intact, store))
    assert subprocess.run(command, env=environ, cwd=CHECKOUT, check=True).returncode == 0
    assert set(store) == digests
    assert all(map(store.is_intact, store))
