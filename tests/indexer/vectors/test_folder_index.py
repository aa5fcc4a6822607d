"""Test what both kinds of index in a folder have in common: vectors, and the votes of works."""

import errno
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pytest

from exhibit.errors import ExhibitError, IntegrityError
from exhibit.types import Space
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.manifest import Manifest, publish_manifest, read_manifest, write_lock
from indexer.votes.index import VoteIndex
from tests.assets.indexes import BITS, UNITS, SeedSource, filled_index, numbers, vectors
from tests.assets.local_feature_works import works

Opened = Callable[[], Any]


@pytest.fixture(params=[BITS, ROOTSIFT], ids=lambda space: space.name)
def space(request: pytest.FixtureRequest) -> Space:
    vote_space: Space = request.param
    return vote_space


@pytest.fixture
def opened(space: Space, tmp_path: Path) -> Opened:
    return lambda: VoteIndex(tmp_path) if space is ROOTSIFT else FaissIndex(space, tmp_path)


def rows(index: Any, *some: int) -> Any:  # noqa: ANN401 - either
    return (
        works(*some)
        if isinstance(index, VoteIndex)
        else (numbers(*some), vectors(BITS, [10 * number for number in some]))
    )


def add(index: Any, *some: int) -> None:  # noqa: ANN401 - either
    index.upsert(*rows(index, *some))


def test_slow_writer_never_reverts_changes_of_a_faster_writer(opened: Opened) -> None:
    first = opened()
    add(first, 1, 2, 3)
    first.flush(3)
    slow, fast = opened(), opened()
    add(slow, 4)
    add(fast, 4, 5)
    fast.flush(5)
    slow.flush(4)
    assert (slow.sequence, len(slow), opened().sequence) == (5, 5, 5)


def test_small_segments_are_merged_without_leftovers(opened: Opened, tmp_path: Path, space: Space) -> None:
    index = opened()
    for number in range(1, 30):
        add(index, number)
        index.flush(number)
    assert len(read_manifest(tmp_path, space.id).segments) <= 5
    assert len(list(tmp_path.glob("segment-*.faiss"))) <= 8
    assert len(opened()) == 29


def test_reader_keeps_old_files_until_reopened(opened: Opened) -> None:
    first = opened()
    add(first, 1, 2, 3)
    first.flush(3)
    reader = opened()
    assert len(reader) == 3
    for generation in range(4, 9):
        writer = opened()
        writer.remove(numbers(generation - 3))
        add(writer, generation)
        writer.flush(generation)
    assert (len(reader), reader.remove(numbers(1))) == (3, 1)
    assert reader.reopen()
    assert (reader.remove(numbers(1, 5)), reader.remove(numbers(6, 7, 8))) == (0, 3)


@pytest.mark.parametrize(
    ("pattern", "change"),
    [
        ("manifest.json", lambda data: data[:-9]),
        ("manifest.json", lambda data: data.replace(b"@1", b"@2")),
        ("manifest.json", lambda data: data.replace(b'"format": 1', b'"format": 2')),
        ("manifest.json", lambda data: data.replace(b'"count": 3', b'"count": 4')),
        ("manifest.json", lambda data: data.replace(b'"sha256"', b'"md5"')),
        ("segment-*.faiss", lambda data: data[:-1] + bytes([data[-1] ^ 1])),
        ("segment-*.faiss", lambda data: data[:20]),
        ("segment-*.npy", lambda data: data[:-8] + bytes(8)),
        ("segment-*.npy", lambda data: data[:40]),
    ],
)
def test_check_detects_each_damage_and_rebuild_repairs_it(
    opened: Opened, tmp_path: Path, pattern: str, change: Callable[[bytes], bytes]
) -> None:
    index = opened()
    batch = rows(index, 1, 2, 3)
    index.replace([batch], 3)
    assert index.check() == []
    (path,) = tmp_path.glob(pattern)
    path.write_bytes(change(path.read_bytes()))
    assert index.check()
    opened().replace([batch], 9)
    again = opened()
    assert (again.check(), len(again), again.sequence) == ([], 3, 9)


def test_index_repaired_by_other_process_is_not_repaired_again(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = opened()
    batch = rows(index, 1, 2, 3)
    index.replace([batch], 3)
    path = next(tmp_path.glob("segment-*.npy"))
    path.write_bytes(path.read_bytes()[:40])

    @contextmanager
    def held_by_another(folder: Path) -> Iterator[None]:
        monkeypatch.setattr("indexer.vectors.folder_index.write_lock", write_lock)
        opened().replace([batch], 3)
        with write_lock(folder):
            yield

    monkeypatch.setattr("indexer.vectors.folder_index.write_lock", held_by_another)
    assert opened().repair(SeedSource(BITS, {3: 0})) == []
    assert len(opened()) == 3


def test_index_ahead_of_restored_database_is_emptied(opened: Opened) -> None:
    index = opened()
    index.replace([rows(index, 1, 2, 3)], 4)
    assert index.repair(SeedSource(BITS, {3: 0}, last=4)) == []
    assert len(index.repair(SeedSource(BITS, {3: 0}))) == 1
    assert (len(index), index.sequence) == (0, 0)


def test_missing_file_is_detected(opened: Opened, tmp_path: Path) -> None:
    index = opened()
    index.replace([rows(index, 1, 2, 3)], 3)
    for pattern in ("segment-*.npy", "segment-*.faiss"):
        path = next(tmp_path.glob(pattern))
        data = path.read_bytes()
        path.unlink()
        assert index.check()
        with pytest.raises(IntegrityError):
            len(opened())
        path.write_bytes(data)
    assert index.check() == []


def test_duplicate_numbers_are_detected(opened: Opened, tmp_path: Path, space: Space) -> None:
    index = opened()
    index.replace([rows(index, 1, 2, 3)], 3)
    present = read_manifest(tmp_path, space.id)
    publish_manifest(tmp_path, Manifest(space.id, 2, 3, present.segments * 2), present)
    assert len(index.check()) == 3


def test_index_of_other_space_is_refused(tmp_path: Path) -> None:
    filled_index(tmp_path)
    with pytest.raises(IntegrityError):
        len(FaissIndex(UNITS, tmp_path))


def raise_disk_full(_: int) -> None:
    """Fail like a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_failed_flush_loses_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    index = opened()
    add(index, 1, 2)
    index.flush(2)
    add(index, 3, 4)
    index.remove(numbers(1))
    with monkeypatch.context() as patch:
        patch.setattr("exhibit.files.durable.os.fsync", raise_disk_full)
        with pytest.raises(ExhibitError) as failed:
            index.flush(4)
    assert isinstance(failed.value.__cause__, OSError)
    assert (len(index), index.sequence, len(opened())) == (3, 2, 2)
    index.flush(4)
    assert (len(opened()), opened().check()) == (3, [])


def test_files_are_synced_before_the_manifest_lists_them(
    opened: Opened, tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, synced = opened(), set[str]()
    add(index, *range(1, 11))
    index.flush(10)

    def note(descriptor: int) -> None:
        if read_manifest(tmp_path, space.id).generation == 1:
            synced.add(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr("exhibit.files.durable.os.fsync", note)
    add(index, 11)
    index.remove(numbers(1))
    index.flush(11)
    files = read_manifest(tmp_path, space.id).files
    assert any(name.startswith("removed-") for name in files)
    assert synced >= {*files, tmp_path.name}


def change(index: Any) -> None:  # noqa: ANN401 - either
    add(index, 30)
    index.remove(numbers(1))
    index.flush(30)


@pytest.mark.long
@pytest.mark.parametrize("size", [3, 10], ids=["merged", "kept"])
@pytest.mark.parametrize("moment", range(9))
def test_killed_writer_leaves_old_or_new_index(
    opened: Opened, moment: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = opened()
    add(index, *(number + 10 * (number > 1) for number in range(1, size + 1)))
    index.flush(20)
    if not (writer := os.fork()):
        calls = count()

        def kill(_: int) -> None:
            if next(calls) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr("exhibit.files.durable.os.fsync", kill)
        try:
            change(opened())
        finally:
            os._exit(0)
    os.waitpid(writer, 0)
    again = opened()
    before, after = (20, size), (30, size)
    assert (again.sequence, len(again)) in (before, after)
    assert again.check() == []
    if again.sequence == before[0]:
        change(again)
    assert (opened().sequence, len(opened()), opened().check()) == (*after, [])


def test_empty_index_has_no_segments(opened: Opened, tmp_path: Path) -> None:
    index = opened()
    add(index, 1, 2)
    index.flush(2)
    index.remove(numbers(1, 2))
    index.flush(4)
    assert (json.loads((tmp_path / "manifest.json").read_text())["segments"], len(opened())) == ([], 0)


def test_rebuild_splits_rows_over_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.vectors.faiss_index.MAX_ROWS", 4)
    batches = [(numbers(*range(start, start + 3)), vectors(BITS, [start] * 3)) for start in range(1, 12, 3)]
    index = FaissIndex(BITS, tmp_path)
    index.replace(batches, 12)
    assert len(list(tmp_path.glob("segment-*.faiss"))) == 3
    assert [hit.number for hit in index.search(vectors(BITS, [7]), k=3)[0]] == [7, 8, 9]


def _search_in_process(folder: Path, results: "Queue[list[int]]") -> None:
    index = FaissIndex(BITS, folder)
    results.put([hit.number for hit in index.search(vectors(BITS, [20]), k=1)[0]])


@pytest.mark.long
def test_other_process_maps_the_same_files(tmp_path: Path) -> None:
    index = filled_index(tmp_path)
    assert len(index) == 3
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(next(tmp_path.glob("segment-*.faiss"))) in maps.read_text()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    child = context.Process(target=_search_in_process, args=(tmp_path, results))
    child.start()
    assert results.get(timeout=60) == [2]
    child.join()
