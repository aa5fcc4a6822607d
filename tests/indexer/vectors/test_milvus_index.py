"""Test what the index in Milvus does beyond the contract, with a real server."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exhibit.errors import IntegrityError, StorageError
from exhibit.machine import describe_machine_fault
from exhibit.types import Metric, Space
from indexer.picture.spaces import DESCRIPTOR, PHASH
from indexer.vectors import milvus_index
from indexer.vectors.milvus_index import NO_RESPONSE, Collections, IndexState, MilvusIndex, MilvusRows, correct_rows
from tests.assets.brute_force import BruteForceIndex
from tests.assets.indexes import BITS, Archive, numbers, vectors
from tests.assets.milvus_server import Server


@pytest.fixture
def archive(milvus_server: Server, tmp_path: Path) -> Archive:
    return Archive.of(milvus_server.url, tmp_path)


class DeadlyArchive(Archive):
    """An archive whose writing process is killed after Milvus has everything, but before that is recorded."""

    def write(self, state: IndexState) -> None:
        del state
        os.kill(os.getpid(), signal.SIGKILL)


def write_and_die(archive: Archive) -> None:
    index = DeadlyArchive(archive.server, archive.folder).index(BITS)
    index.upsert(numbers(2, 3, 4), vectors(BITS, [20, 30, 40]))
    index.flush(4)


def test_rows_of_killed_writer_are_invisible_and_written_once(archive: Archive) -> None:
    index = archive.index(BITS)
    index.upsert(numbers(1), vectors(BITS, [5]))
    index.flush(1)
    writer = multiprocessing.get_context("spawn").Process(target=write_and_die, args=(archive,))
    writer.start()
    writer.join(60)
    assert writer.exitcode == -signal.SIGKILL
    assert len(index._opened.segments[0].between(1, 4)) == 3
    again = archive.index(BITS)
    assert (again.sequence, len(again), [hit.number for hit in again.search(vectors(BITS, [20]), k=9)[0]]) == (
        1,
        1,
        [1],
    )
    again.upsert(numbers(2, 3, 4), vectors(BITS, [20, 30, 40]))
    again.remove(numbers(3))
    again.flush(5)
    assert index.reopen()
    for each in (index, archive.index(BITS)):
        assert (each.sequence, len(each), [hit.number for hit in each.search(vectors(BITS, [20]), k=9)[0]]) == (
            5,
            3,
            [2, 1, 4],
        )


def clustered_vectors(space: Space, many: int, seed: int = 7) -> NDArray[Any]:
    """Return vectors of which some are near one another, like those of images, and a few are equal."""
    random = np.random.default_rng(seed)
    if space.metric is Metric.HAMMING:
        centres = random.integers(0, 256, (many // 20, space.width // 8), np.uint8)
        noise = np.packbits(random.random((many, space.width)) < random.uniform(0, 0.3, (many, 1)), axis=1)
        return centres[random.integers(0, len(centres), many)] ^ noise
    centres = random.normal(size=(many // 20, space.width))
    rows = centres[random.integers(0, len(centres), many)] + random.normal(size=(many, space.width)) * 0.7
    rows[1::50] = rows[::50]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def make_indexes(space: Space, archive: Archive, rows: NDArray[Any]) -> tuple[BruteForceIndex, MilvusIndex]:
    """Return the same rows in the reference index and in a new one."""
    reference, order = BruteForceIndex(space), np.arange(1, len(rows) + 1)
    reference.upsert(order, rows)
    index = archive.index(space)
    for some in np.array_split(order, 3):
        index.upsert(some, rows[some - 1])
        index.flush()
    return reference, index


@pytest.mark.parametrize(("k", "within"), [(1, None), (200, 60.0), (2_000, 90.0)])
def test_hash_search_matches_brute_force(archive: Archive, k: int, within: float | None) -> None:
    rows = clustered_vectors(PHASH, 6_000)
    reference, index = make_indexes(PHASH, archive, rows)
    queries = np.concatenate([rows[:6], clustered_vectors(PHASH, 20, seed=8)[:2]])
    for removed in (numbers(), numbers(*range(1, 1_000, 3))):
        assert index.remove(removed) == reference.remove(removed)
        assert index.search(queries, k=k, within=within) == reference.search(queries, k=k, within=within)


def test_nearly_all_descriptors_are_found_at_exact_distances(archive: Archive) -> None:
    rows = clustered_vectors(DESCRIPTOR, 12_000)
    reference, index = make_indexes(DESCRIPTOR, archive, rows)
    archive.server.call("flush", archive.read().collection, timeout=60)
    expected, actual = (each.search(rows[:50], k=200, within=0.6) for each in (reference, index))
    share = sum(len(set(each) & set(other)) for each, other in zip(expected, actual, strict=True)) / sum(
        map(len, expected)
    )
    assert share > 0.98


def test_oversized_batches_are_split(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, most in (("SENT", 2_000), ("ANSWERED", 500), ("NAMED", 10)):
        monkeypatch.setattr(milvus_index, name, most)
    rows = clustered_vectors(BITS, 300)
    reference, index = make_indexes(BITS, archive, rows)
    removed = np.arange(1, 60, 2)
    assert index.remove(removed) == reference.remove(removed) == 30
    assert len(index) == len(reference)
    assert index.search(rows[:12], k=5) == reference.search(rows[:12], k=5)


@dataclass(frozen=True)
class Rows:
    """A database that has some of the rows, and later ones that do not count yet. Implements ``ports.VectorSource``."""

    rows: NDArray[Any]
    living: NDArray[np.int64]

    def last_change(self) -> int:
        return 99

    def batches(self, upto: int) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        assert upto == 99
        for some in np.array_split(np.append(self.living, 70), 4):
            yield some, self.rows[(some - 1) % len(self.rows)]

    def count(self, upto: int, by: int | None = None) -> int:
        del by
        return int((self.living <= upto).sum())


def test_collection_is_repaired_to_match_database(archive: Archive) -> None:
    rows = clustered_vectors(BITS, 60)
    reference, index = make_indexes(BITS, archive, rows)
    (segment,) = index._opened.segments
    segment.delete(numbers(1, 2, 20, 60))
    reference.remove(numbers(9, 10, 11, 50))
    living = np.setdiff1d(np.arange(1, 61), numbers(9, 10, 11, 50))
    correct_rows(segment, Rows(rows, living))
    assert len(index) == len(reference)
    assert index.search(rows, k=60) == reference.search(rows, k=60)


def test_dropped_collection_is_reported(archive: Archive) -> None:
    _, index = make_indexes(BITS, archive, clustered_vectors(BITS, 40))
    (name,) = archive.server.list_names()
    archive.server.call("drop_collection", name)
    for ask in (lambda: index.search(vectors(BITS, [5]), k=1), lambda: len(archive.index(BITS))):
        with pytest.raises(IntegrityError, match="no such index"):
            ask()


def test_dead_milvus_is_reported_immediately_and_resumes(milvus_server: Server, archive: Archive) -> None:
    index = archive.index(BITS)
    index.upsert(numbers(1, 2), vectors(BITS, [5, 20]))
    index.flush()
    index.upsert(numbers(3), vectors(BITS, [30]))
    searching, errors = archive.index(BITS), []
    assert len(searching) == 2

    def search_on() -> None:
        try:
            while True:
                searching.search(vectors(BITS, [5]), k=1)
        except StorageError as error:
            errors.append(error.message)

    thread = Thread(target=search_on)
    thread.start()
    milvus_server.kill()
    thread.join(60)
    assert errors == [NO_RESPONSE]
    for ask in (index.flush, lambda: index.search(vectors(BITS, [5]), k=1), lambda: len(archive.index(BITS))):
        with pytest.raises(StorageError) as failed:
            ask()
        assert describe_machine_fault(failed.value) == failed.value.message == NO_RESPONSE
    milvus_server.start()
    assert len(archive.index(BITS)) == 2  # waits until it is loaded
    assert [hit.number for hit in index.search(vectors(BITS, [30]), k=9)[0]] == [3, 2, 1]
    index.flush()
    assert (index.sequence, len(archive.index(BITS))) == (3, 3)


def test_unresponsive_milvus_is_reported(milvus_server: Server, archive: Archive) -> None:
    assert archive.server.call("get_server_version").startswith("v2")
    milvus_server.freeze()
    try:
        with pytest.raises(StorageError, match="not responding"):
            archive.server.call("list_collections", timeout=2.0)
    finally:
        milvus_server.thaw()
    assert archive.server.list_names() == []


def test_missing_library_is_reported_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(StorageError, match=r"bootstrap\.py runtime milvus"):
        MilvusRows(BITS, Collections("http://127.0.0.1:1", ""), "t", 0)
