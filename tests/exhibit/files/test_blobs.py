"""Test the contract of every blob store."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from obstore.store import LocalStore, MemoryStore

from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError
from exhibit.files.blobs import BlobStore, FolderBlobStore, get_blob_store
from exhibit.files.bucket import Bucket
from exhibit.machine import ERROR_SENTENCES, describe_machine_fault
from tests import CHECKOUT
from tests.assets.swift_server import bucket_on

BYTES = bytes(range(256)) * 9
ABSENT = Digest.from_bytes(b"nobody has put this")


@pytest.fixture(params=["folder", "memory", "local", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    if request.param == "folder":
        return FolderBlobStore(tmp_path / "blobs")
    if request.param == "s3":
        return BlobStore(bucket_on(request.getfixturevalue("s3"), tmp_path), "blobs")
    objects = MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "local", mkdir=True)
    return BlobStore(Bucket(lambda: objects, "us", tmp_path / "made"), "blobs")


def open_adjacent_store(store: BlobStore, tmp_path: Path) -> BlobStore:
    """Return another store in the same place."""
    if isinstance(store, FolderBlobStore):
        return FolderBlobStore(tmp_path / "withheld")
    assert isinstance(store, BlobStore)
    return BlobStore(store.medium, "withheld")


@pytest.fixture
def folder(tmp_path: Path) -> FolderBlobStore:
    return FolderBlobStore(tmp_path / "blobs")


def test_bytes_are_returned_by_digest(store: BlobStore) -> None:
    digest = store.put(BYTES)
    assert digest == Digest.from_bytes(BYTES)
    assert store.get(digest) == BYTES
    assert store.size(digest) == len(BYTES)
    assert digest in store
    with store.open(digest) as stream:
        assert stream.read(10) == BYTES[:10]


def test_empty_bytes_are_stored(store: BlobStore) -> None:
    assert store.get(store.put(b"")) == b""


def test_stored_file_may_be_deleted_afterwards(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "picture"
    source.write_bytes(BYTES)
    digest = store.put_file(source)
    source.write_bytes(b"changed")
    source.unlink()
    assert store.get(digest) == BYTES


def test_storing_the_same_bytes_again_changes_nothing(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "picture"
    source.write_bytes(BYTES)
    assert store.put(BYTES) == store.put(BYTES) == store.put_file(source)
    assert list(store) == [Digest.from_bytes(BYTES)]


@pytest.mark.parametrize("as_file", [False, True])
def test_putting_intact_bytes_repairs_damaged_blob(folder: FolderBlobStore, tmp_path: Path, *, as_file: bool) -> None:
    digest = folder.put(BYTES)
    path = folder.get_path(digest)
    path.chmod(0o644)
    path.write_bytes(BYTES[:-1] + b"x")
    assert not folder.is_intact(digest)
    source = tmp_path / "picture"
    source.write_bytes(BYTES)
    assert (folder.put_file(source) if as_file else folder.put(BYTES)) == digest
    assert folder.get(digest) == BYTES
    assert folder.is_intact(digest)


def test_large_file_is_stored_and_read_from_any_offset(store: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(b"begin" + bytes(9 << 20) + b"end")
    digest = store.put_file(source)
    assert store.put_file(source) == digest
    assert (store.size(digest), store.is_intact(digest)) == (source.stat().st_size, True)
    with store.open(digest) as stream:
        assert stream.seek(-3, os.SEEK_END) == source.stat().st_size - 3
        assert (stream.read(), stream.read()) == (b"end", b"")
        stream.seek(0)
        assert stream.read(6) == b"begin\0"
        assert stream.tell() == 6


def test_bytes_are_transferred_to_adjacent_store(store: BlobStore, tmp_path: Path) -> None:
    digest, aside = store.put(BYTES), open_adjacent_store(store, tmp_path)
    store.move(digest, aside)
    assert (list(store), list(aside)) == ([], [digest])
    assert aside.get(digest) == BYTES
    with pytest.raises(NotFoundError):
        store.move(digest, aside)


def test_many_blobs_are_stored_read_and_removed_concurrently(store: BlobStore, tmp_path: Path) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(bytes(9 << 20))
    small.write_bytes(b"small")
    contents: list[bytes | Path] = [BYTES, large, b"", small, *(bytes([number]) for number in range(20))]
    for _ in range(2):
        store.put_all(contents)
    digests = [Digest.from_bytes(each) if isinstance(each, bytes) else Digest.from_file(each) for each in contents]
    assert sorted(store) == sorted(digests)
    blobs = store.prefetch([*digests, ABSENT])
    for digest in [digests[0], *reversed(digests)]:  # also one already returned, and in another order
        assert Digest.from_bytes(blobs(digest)) == digest
    for digest in (ABSENT, Digest.from_bytes(b"not named before")):
        with pytest.raises(NotFoundError):
            blobs(digest)
    store.remove_all([*digests[1:], ABSENT])
    assert list(store) == digests[:1]
    store.put_all([])
    store.remove_all([])


def test_undamaged_blobs_are_not_reported_as_changed(store: BlobStore) -> None:
    store.put_all([bytes([number]) for number in range(20)])
    assert [digest for turn in range(0, 256, 16) for digest in store.find_damaged(f"{turn:02x}")] == []


def test_absent_blob_is_not_intact_and_not_swept(store: BlobStore) -> None:
    assert not store.is_intact(ABSENT)
    assert store.sweep(older_than=0) == 0


def test_absent_blob_is_not_found(store: BlobStore) -> None:
    assert ABSENT not in store
    assert store.remove(ABSENT) is False
    for ask in (store.get, store.open, store.size):
        with pytest.raises(NotFoundError):
            ask(ABSENT)


def test_removed_blob_can_be_stored_again(store: BlobStore) -> None:
    digest = store.put(BYTES)
    assert store.remove(digest) is True
    assert digest not in store
    assert list(store) == []
    assert store.put(BYTES) == digest
    assert store.get(digest) == BYTES


def test_all_digests_are_listed(store: BlobStore) -> None:
    assert list(store) == []
    digests = {store.put(bytes([number])) for number in range(50)}
    assert set(store) == digests


def test_concurrent_writers_store_same_and_different_bytes(store: BlobStore) -> None:
    contents = [bytes([number % 5]) * 50_000 for number in range(40)]
    failed: list[Exception] = []

    def write(data: bytes) -> None:
        try:
            assert store.get(store.put(data)) == data
        except Exception as error:  # noqa: BLE001 - reported by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(list(store)) == 5


def test_changed_bytes_are_detected(folder: FolderBlobStore) -> None:
    digest = folder.put(BYTES)
    path = folder.get_path(digest)
    path.chmod(0o644)
    path.write_bytes(BYTES[:-1] + b"x")
    with pytest.raises(IntegrityError, match=digest.hex):
        folder.get(digest)


def test_truncated_blob_is_rewritten(folder: FolderBlobStore) -> None:
    digest = folder.put(BYTES)
    path = folder.get_path(digest)
    path.chmod(0o644)
    path.write_bytes(BYTES[:7])
    folder.put(BYTES)
    assert folder.get(digest) == BYTES


def test_blob_is_stored_read_only_in_subfolders_named_after_its_digest(folder: FolderBlobStore) -> None:
    digest = folder.put(BYTES)
    path = folder.root / digest.hex[:2] / digest.hex[2:4] / digest.hex
    assert path.read_bytes() == BYTES
    assert path.stat().st_mode & 0o777 == 0o400
    assert list((folder.root / "incoming").iterdir()) == []


def test_failed_copy_leaves_no_files(folder: FolderBlobStore, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        folder.put_file(tmp_path / "absent")
    assert list((folder.root / "incoming").iterdir()) == []
    assert list(folder) == []


_ENDLESS_WRITER = """
import itertools, sys
from pathlib import Path
from exhibit.files.blobs import FolderBlobStore
store = FolderBlobStore(Path(sys.argv[1]))
for number in itertools.count():
    store.put(number.to_bytes(4, "big") * 200_000)
    print(number, flush=True)
"""


def test_killed_writer_leaves_only_complete_blobs_and_temporary_files(folder: FolderBlobStore) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _ENDLESS_WRITER, str(folder.root)],
        stdout=subprocess.PIPE,
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert writer.stdout is not None
    with writer.stdout as lines:
        for _ in range(10):
            assert lines.readline()
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    digests = list(folder)
    assert len(digests) >= 10
    for digest in digests:
        assert len(folder.get(digest)) == 800_000
    (folder.root / "incoming" / "1-left").write_bytes(b"half")
    remaining = len(list((folder.root / "incoming").iterdir()))
    assert folder.sweep() == 0
    assert folder.sweep(older_than=0) == remaining
    assert list((folder.root / "incoming").iterdir()) == []
    assert set(folder) == set(digests)


def test_missing_blob_folder_is_a_machine_fault_and_is_not_recreated(tmp_path: Path) -> None:
    """Test the empty mount point of a disk that is no longer mounted."""
    store = get_blob_store(tmp_path)
    digest = store.put(BYTES)
    store.root.rename(tmp_path / "unmounted")
    store.root.mkdir()
    again = get_blob_store(tmp_path)
    for each in (store, again):
        operations: list[Callable[[], object]] = [
            partial(each.get, digest),
            partial(each.size, digest),
            partial(each.put, b"other"),
            partial(each.remove, digest),
            partial(list, each),
        ]
        for ask in operations:
            with pytest.raises(OSError, match="file handle") as raised:
                ask()
            assert describe_machine_fault(raised.value) == ERROR_SENTENCES[errno.ESTALE]
    assert list(store.root.iterdir()) == []
    store.root.rmdir()
    (tmp_path / "unmounted").rename(store.root)
    assert again.get(digest) == store.get(digest) == BYTES


def test_copy_without_empty_folders_is_usable(tmp_path: Path) -> None:
    store = get_blob_store(tmp_path)
    digest = store.put(BYTES)
    (store.root / "incoming").rmdir()
    assert digest in list(get_blob_store(tmp_path))


def test_unrelated_file_in_the_blob_folder_is_not_listed(folder: FolderBlobStore) -> None:
    digest = folder.put(BYTES)
    (folder.get_path(digest).parent / "notes.txt").write_text("mine", encoding="utf-8")
    assert list(folder) == [digest]


@given(st.binary(max_size=2000))
def test_any_bytes_round_trip(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    store = FolderBlobStore(tmp_path_factory.getbasetemp() / "any")
    assert store.get(store.put(data)) == data


def test_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "blobs"
    FolderBlobStore(folder)
    assert folder.stat().st_mode & 0o077 == 0
