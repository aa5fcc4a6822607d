"""Test the contracts of ``ports.VectorIndex`` and ``ports.StoredIndex`` with every implementation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from exhibit.errors import InvalidRequestError
from exhibit.ports import VectorIndex
from exhibit.types import Hit, Metric, Space
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.milvus_index import MilvusIndex
from tests.assets.brute_force import BruteForceIndex
from tests.assets.indexes import BITS, SPACES, Archive, SeedSource, numbers, vectors

MakeIndex = Callable[[Space], Any]


def expected(space: Space, model: dict[int, int], query: int, k: int, within: float | None) -> list[Hit]:
    """Return the contract's result, computed in five lines."""

    def distance(seed: int) -> float:
        first, other = vectors(space, [query])[0], vectors(space, [seed])[0]
        hamming = space.metric is Metric.HAMMING
        exact = first.astype(np.float64), other.astype(np.float64)
        return float(np.bitwise_count(first ^ other).sum()) if hamming else round(float(1 - exact[0] @ exact[1]), 6)

    hits = sorted((Hit(number, distance(seed)) for number, seed in model.items()), key=lambda h: (h.distance, h.number))
    return [hit for hit in hits if within is None or hit.distance <= within][:k]


class WrittenToMilvus(MilvusIndex):
    """An index that flushes every change, in which no number may exceed the sequence."""

    def upsert(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        super().upsert(numbers, vectors)
        self.flush(max(self.sequence + 1, *numbers.tolist(), 0))

    def remove(self, numbers: NDArray[np.int64]) -> int:
        removed = super().remove(numbers)
        self.flush(self.sequence + 1)
        return removed


@pytest.fixture(params=["brute force", "folder", "milvus"])
def make_index(request: pytest.FixtureRequest, tmp_path: Path) -> MakeIndex:
    if request.param == "brute force":
        return BruteForceIndex
    if request.param == "folder":
        return lambda space: FaissIndex(space, tmp_path / space.name)
    url = request.getfixturevalue("milvus_server").url
    return lambda space: WrittenToMilvus(space, (archive := Archive.of(url, tmp_path / space.name)).server, archive)


@dataclass(frozen=True)
class Place:
    """The storage of an index, which processes can open, and tests can damage or litter."""

    open: Callable[[], Any]
    harm: Callable[[], None]
    litter: Callable[[], object]
    leftovers: Callable[[], int]


def folder_place(space: Space, folder: Path) -> Place:
    def harm() -> None:
        path = next(folder.glob("segment-*.faiss"))
        path.write_bytes(path.read_bytes()[:-1] + b"?")

    return Place(
        open=lambda: FaissIndex(space, folder),
        harm=harm,
        litter=lambda: (folder / "segment-00000009-0000.faiss").write_bytes(b"of a writer that was killed"),
        leftovers=lambda: len(list(folder.glob("segment-*.faiss"))),
    )


def milvus_place(space: Space, archive: Archive) -> Place:
    def harm() -> None:
        archive.server.call("drop_collection", archive.read().collection)

    return Place(
        open=lambda: archive.index(space),
        harm=harm,
        litter=lambda: archive.server.create(space),
        leftovers=lambda: len(archive.server.list_names()),
    )


@pytest.fixture
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, Space], Place]:
    def place_of(kind: str, space: Space, folder: Path = tmp_path) -> Place:
        if kind == "folder":
            return folder_place(space, folder)
        return milvus_place(space, Archive.of(request.getfixturevalue("milvus_server").url, folder))

    return place_of


@pytest.fixture(params=["folder", "milvus"])
def place(request: pytest.FixtureRequest, make_place: Callable[[str, Space], Place]) -> Place:
    return make_place(request.param, BITS)


def numbers_in(index: VectorIndex) -> list[int]:
    """Return the numbers that a search returns, ascending."""
    return sorted(hit.number for hit in index.search(vectors(BITS, [5]), k=99)[0])


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
class TestSearch:
    def test_hits_are_sorted_by_distance_then_number(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        index.upsert(numbers(9, 4, 7, 2), vectors(space, [10, 10, 12, 40]))
        hits = index.search(vectors(space, [10, 40]), k=3)
        assert [[hit.number for hit in row] for row in hits] == [[4, 9, 7], [2, 7, 4]]
        assert hits[0][0].distance == pytest.approx(0, abs=1e-6)

    def test_upsert_replaces_existing_vector(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        index.upsert(numbers(1, 2), vectors(space, [5, 20]))
        index.upsert(numbers(1), vectors(space, [60]))
        assert len(index) == 2
        assert index.search(vectors(space, [60]), k=1)[0][0].number == 1

    def test_last_of_duplicate_numbers_is_stored(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        index.upsert(numbers(3, 3), vectors(space, [5, 60]))
        assert len(index) == 1
        assert index.search(vectors(space, [60]), k=1)[0][0].distance == pytest.approx(0, abs=1e-6)

    def test_remove_returns_number_of_removed_vectors(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        index.upsert(numbers(1, 2, 3), vectors(space, [5, 20, 30]))
        assert index.remove(numbers(2, 99, 2)) == 1
        assert index.remove(numbers(2)) == 0
        assert [hit.number for hit in index.search(vectors(space, [20]), k=5)[0]] == [3, 1]

    def test_empty_index_returns_no_hits(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        assert index.search(vectors(space, [1, 2]), k=3) == [[], []]
        assert index.search(vectors(space, []), k=3) == []
        assert len(index) == 0

    def test_vectors_of_other_space_are_rejected(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        with pytest.raises(InvalidRequestError):
            index.upsert(numbers(1), np.zeros((1, 3), np.uint8))
        with pytest.raises(InvalidRequestError):
            index.upsert(numbers(1, 2), vectors(space, [1]))
        with pytest.raises(InvalidRequestError):
            index.search(np.zeros((1, 3), np.float32), k=1)


SEEDS = {1: 5, 2: 20, 3: 30}


class TestStored:
    """Test what is durable, and what several processes see."""

    def test_sequence_is_set_by_flush(self, place: Place) -> None:
        index = place.open()
        assert index.sequence == 0
        index.upsert(numbers(4), vectors(BITS, [5]))
        assert index.sequence == 0
        index.flush(6)
        assert (index.sequence, place.open().sequence) == (6, 6)
        index.remove(numbers(4))
        index.flush(7)
        again = place.open()
        assert (again.sequence, len(again)) == (7, 0)

    def test_reader_sees_flushed_changes_after_reopening(self, place: Place) -> None:
        reader = place.open()
        assert (reader.reopen(), reader.reopen()) == (True, False)
        writer = place.open()
        writer.upsert(numbers(1, 2), vectors(BITS, [5, 20]))
        writer.flush(2)
        assert numbers_in(reader) == []
        assert reader.reopen()
        assert (numbers_in(reader), reader.reopen()) == ([1, 2], False)

    def test_reopening_discards_unflushed_changes(self, place: Place) -> None:
        place.open().rebuild(SeedSource(BITS, SEEDS))
        first, other = place.open(), place.open()
        first.upsert(numbers(4), vectors(BITS, [40]))
        other.upsert(numbers(4, 5), vectors(BITS, [40, 50]))
        first.flush(4)
        assert other.reopen()
        assert (other.sequence, numbers_in(other)) == (4, [1, 2, 3, 4])

    def test_writer_with_outdated_state_loads_changes_of_other_writer(self, place: Place) -> None:
        place.open().rebuild(SeedSource(BITS, SEEDS))
        first_writer, other = place.open(), place.open()
        first_writer.upsert(numbers(4), vectors(BITS, [40]))
        other.upsert(numbers(4, 5), vectors(BITS, [40, 50]))
        first_writer.flush(4)
        other.flush(5)
        assert (other.sequence, len(other)) == (4, 4)
        other.upsert(numbers(5), vectors(BITS, [50]))
        other.flush(5)
        assert (place.open().sequence, numbers_in(place.open())) == (5, [1, 2, 3, 4, 5])

    def test_rebuild_replaces_all_vectors_and_readers_detect_it(self, place: Place) -> None:
        reader = place.open()
        reader.upsert(numbers(1, 9), vectors(BITS, [60, 60]))
        reader.flush(9)
        source = SeedSource(BITS, SEEDS, last=12)
        place.open().rebuild(source)
        assert reader.reopen()
        assert (reader.sequence, numbers_in(reader), reader.check(source)) == (12, [1, 2, 3], [])
        stats = place.open().stats()
        assert (stats.count, stats.sequence, stats.size > 0) == (3, 12, True)

    def test_check_compares_number_of_vectors_with_the_database(self, place: Place) -> None:
        index = place.open()
        index.rebuild(SeedSource(BITS, SEEDS))
        assert index.check(SeedSource(BITS, SEEDS)) == []
        assert len(index.check(SeedSource(BITS, {**SEEDS, 0: 7}))) == 1

    def test_damaged_index_is_emptied_by_repair(self, place: Place) -> None:
        source = SeedSource(BITS, SEEDS)
        reader = place.open()
        reader.rebuild(source)
        assert (reader.repair(source), numbers_in(reader)) == ([], [1, 2, 3])
        place.harm()
        assert len(place.open().check(source)) == 1
        repaired = place.open()
        assert len(repaired.repair(source)) == 1
        assert (len(repaired), repaired.sequence) == (0, 0)
        repaired.upsert(*next(source.batches(3)))
        repaired.flush(2)
        assert reader.reopen()
        assert (numbers_in(reader), reader.sequence) == ([1, 2], 2)

    def test_files_of_killed_writers_are_removed(self, place: Place) -> None:
        source = SeedSource(BITS, SEEDS)
        place.open().rebuild(source)
        place.litter()
        assert place.leftovers() == 2
        index = place.open()
        index.tidy(source)
        assert (place.leftovers(), numbers_in(index)) == (1, [1, 2, 3])

    def test_cleared_index_is_empty(self, place: Place) -> None:
        index = place.open()
        index.rebuild(SeedSource(BITS, SEEDS))
        index.clear()
        assert (len(index), index.sequence, index.stats().count, place.leftovers()) == (0, 0, 0, 0)


OPERATIONS = st.one_of(
    st.tuples(st.just("upsert"), st.dictionaries(st.integers(1, 40), st.integers(0, 63), min_size=1, max_size=8)),
    st.tuples(st.just("remove"), st.lists(st.integers(1, 40), min_size=1, max_size=6)),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("open"), st.none()),
)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "examples"), [("folder", 60), ("milvus", 8)])
@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_searches_match_brute_force_after_any_sequence_of_operations(
    make_place: Callable[..., Place], kind: str, examples: int, space: Space
) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(
        operations=st.lists(OPERATIONS, max_size=12),
        queries=st.lists(st.integers(0, 63), min_size=1, max_size=3),
        k=st.integers(0, 12),
        within=st.one_of(st.none(), st.integers(0, 20)),
    )
    def follow(operations: list[tuple[str, Any]], queries: list[int], k: int, within: int | None) -> None:
        with TemporaryDirectory() as folder:
            place, model = make_place(kind, space, Path(folder)), {}
            index = place.open()
            for name, rows in operations:
                if name == "upsert":
                    index.upsert(numbers(*rows), vectors(space, list(rows.values())))
                    model.update(rows)
                elif name == "remove":
                    assert index.remove(numbers(*rows)) == sum(
                        model.pop(number, None) is not None for number in set(rows)
                    )
                else:
                    index.flush()
                    index = place.open() if name == "open" else index
            reach = None if within is None else within if space.metric is Metric.HAMMING else within / 100 + 5e-5
            assert len(index) == len(model)
            answers = [expected(space, model, query, k, reach) for query in queries]
            assert index.search(vectors(space, queries), k=k, within=reach) == answers
            index.flush(99)
            assert index.check(SeedSource(space, model, last=99)) == []

    follow()
