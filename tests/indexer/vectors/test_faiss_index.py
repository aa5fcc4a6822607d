"""What every adapter of ``ports.VectorIndex`` does, and what the durable one does besides."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.queues import Queue
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from numpy.typing import NDArray

from exhibit.errors import WrongUseError
from exhibit.ports import VectorIndex
from exhibit.types import Hit, Metric, Space
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import check_index
from indexer.vectors.milvus_index import MilvusIndex
from tests.assets.brute_force import BruteForceIndex
from tests.assets.indexes import BITS, SPACES, Archive, filled, numbers, vectors
from tests.assets.milvus_server import Server

MakeIndex = Callable[[Space], VectorIndex]


def expected(space: Space, model: dict[int, int], query: int, k: int, within: float | None) -> list[Hit]:
    """The contract in five lines."""

    def distance(seed: int) -> float:
        one, other = vectors(space, [query])[0], vectors(space, [seed])[0]
        hamming = space.metric is Metric.HAMMING
        exact = one.astype(np.float64), other.astype(np.float64)
        return float(np.bitwise_count(one ^ other).sum()) if hamming else round(float(1 - exact[0] @ exact[1]), 6)

    hits = sorted((Hit(number, distance(seed)) for number, seed in model.items()), key=lambda h: (h.distance, h.number))
    return [hit for hit in hits if within is None or hit.distance <= within][:k]


@pytest.fixture(params=["brute force", "folder", "milvus"])
def make_index(request: pytest.FixtureRequest, tmp_path: Path) -> MakeIndex:
    if request.param == "brute force":
        return BruteForceIndex
    if request.param == "folder":
        return lambda space: FaissIndex(space, tmp_path / space.name)
    url = request.getfixturevalue("milvus_server").url
    return lambda space: WrittenToMilvus(space, (archive := Archive.of(url, tmp_path / space.name)).server, archive)


class WrittenToMilvus(MilvusIndex):
    """An index that writes down whatever comes, at once; there no number may be beyond the sequence."""

    def upsert(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        super().upsert(numbers, vectors)
        self.flush(max(self.sequence + 1, self._highest))

    def remove(self, numbers: NDArray[np.int64]) -> int:
        removed = super().remove(numbers)
        self.flush(self.sequence + 1)
        return removed


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
class TestEveryAdapter:
    def test_finds_the_nearest_first_and_ties_by_number(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        index.upsert(numbers(9, 4, 7, 2), vectors(space, [10, 10, 12, 40]))
        hits = index.search(vectors(space, [10, 40]), k=3)
        assert [[hit.number for hit in row] for row in hits] == [[4, 9, 7], [2, 7, 4]]
        assert hits[0][0].distance == pytest.approx(0, abs=1e-6)

    def test_replaces_a_number_that_is_there(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        index.upsert(numbers(1, 2), vectors(space, [5, 20]))
        index.upsert(numbers(1), vectors(space, [60]))
        assert len(index) == 2
        assert index.search(vectors(space, [60]), k=1)[0][0].number == 1

    def test_counts_the_last_of_equal_numbers(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        index.upsert(numbers(3, 3), vectors(space, [5, 60]))
        assert len(index) == 1
        assert index.search(vectors(space, [60]), k=1)[0][0].distance == pytest.approx(0, abs=1e-6)

    def test_removes_and_says_how_many_were_there(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        index.upsert(numbers(1, 2, 3), vectors(space, [5, 20, 30]))
        assert index.remove(numbers(2, 99, 2)) == 1
        assert index.remove(numbers(2)) == 0
        assert [hit.number for hit in index.search(vectors(space, [20]), k=5)[0]] == [3, 1]

    def test_answers_nothing_when_it_is_empty(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        assert index.search(vectors(space, [1, 2]), k=3) == [[], []]
        assert index.search(vectors(space, []), k=3) == []
        assert len(index) == 0

    def test_refuses_vectors_of_another_space(self, make_index: MakeIndex, space: Space) -> None:
        index = make_index(space)
        with pytest.raises(WrongUseError):
            index.upsert(numbers(1), np.zeros((1, 3), np.uint8))
        with pytest.raises(WrongUseError):
            index.upsert(numbers(1, 2), vectors(space, [1]))
        with pytest.raises(WrongUseError):
            index.search(np.zeros((1, 3), np.float32), k=1)


OPERATIONS = st.one_of(
    st.tuples(st.just("upsert"), st.dictionaries(st.integers(1, 40), st.integers(0, 63), min_size=1, max_size=8)),
    st.tuples(st.just("remove"), st.lists(st.integers(1, 40), min_size=1, max_size=6)),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("open"), st.none()),
)


HISTORIES = given(
    operations=st.lists(OPERATIONS, max_size=12),
    queries=st.lists(st.integers(0, 63), min_size=1, max_size=3),
    k=st.integers(0, 12),
    within=st.one_of(st.none(), st.integers(0, 20)),
)


@pytest.mark.long
@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@settings(max_examples=60, deadline=None)
@HISTORIES
def test_both_adapters_answer_as_the_contract_says_after_any_history(
    space: Space, operations: list[tuple[str, Any]], queries: list[int], k: int, within: int | None
) -> None:
    with TemporaryDirectory() as folder:
        _hold_against_the_contract(lambda: FaissIndex(space, Path(folder)), operations, queries, k, within)
        assert check_index(space, Path(folder)) == []


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@HISTORIES
def test_one_in_milvus_does_too(
    milvus_server: Server,
    space: Space,
    operations: list[tuple[str, Any]],
    queries: list[int],
    k: int,
    within: int | None,
) -> None:
    with TemporaryDirectory() as folder:
        archive = Archive.of(milvus_server.url, Path(folder))
        _hold_against_the_contract(lambda: archive.index(space), operations, queries, k, within)


def _hold_against_the_contract(
    opened: Callable[[], VectorIndex],
    operations: list[tuple[str, Any]],
    queries: list[int],
    k: int,
    within: int | None,
) -> None:
    space = opened().space
    reach = None if within is None else (float(within) if space.metric is Metric.HAMMING else within / 100 + 5e-5)
    model: dict[int, int] = {}
    indexes: list[VectorIndex] = [BruteForceIndex(space), opened()]
    for name, rows in operations:
        if name == "open":
            indexes[1].flush()
            indexes[1] = opened()
        removed = [
            index.remove(numbers(*rows)) if name == "remove" else _change(index, name, rows) for index in indexes
        ]
        assert removed == [_model_change(model, name, rows)] * 2
    for index in indexes:
        assert len(index) == len(model)
        found = index.search(vectors(space, queries), k=k, within=reach)
        for query, hits in zip(queries, found, strict=True):
            wanted = expected(space, model, query, k, reach)
            assert hits == wanted


def _change(index: VectorIndex, name: str, rows: Any) -> int:  # noqa: ANN401 - as drawn
    if name == "upsert":
        index.upsert(numbers(*rows), vectors(index.space, list(rows.values())))
    elif name == "flush":
        index.flush()
    return 0


def _model_change(model: dict[int, int], name: str, rows: Any) -> int:  # noqa: ANN401 - as drawn
    if name == "upsert":
        model.update(rows)
    return sum(model.pop(number, None) is not None for number in rows) if name == "remove" else 0


def test_sequence_tells_what_is_durable(tmp_path: Path) -> None:
    index = FaissIndex(BITS, tmp_path)
    assert index.sequence == 0
    index.upsert(numbers(4), vectors(BITS, [5]))
    assert index.sequence == 0
    index.flush(sequence=6)
    assert (index.sequence, FaissIndex(BITS, tmp_path).sequence) == (6, 6)
    index.remove(numbers(4))
    index.flush(sequence=7)
    again = FaissIndex(BITS, tmp_path)
    assert (again.sequence, len(again)) == (7, 0)


def test_a_reader_keeps_the_old_files_until_it_reopens(tmp_path: Path) -> None:
    filled(tmp_path)
    reader = FaissIndex(BITS, tmp_path)
    for generation in range(4, 9):
        writer = FaissIndex(BITS, tmp_path)
        writer.remove(numbers(generation - 3))
        writer.upsert(numbers(generation), vectors(BITS, [generation * 5]))
        writer.flush(sequence=generation)
    assert [hit.number for hit in reader.search(vectors(BITS, [5]), k=9)[0]] == [1, 2, 3]
    assert reader.reopen()
    assert sorted(hit.number for hit in reader.search(vectors(BITS, [5]), k=9)[0]) == [6, 7, 8]
    assert not reader.reopen()


def test_reopening_drops_the_tail_that_the_rows_will_replay(tmp_path: Path) -> None:
    filled(tmp_path)
    one, other = FaissIndex(BITS, tmp_path), FaissIndex(BITS, tmp_path)
    one.upsert(numbers(4), vectors(BITS, [40]))
    other.upsert(numbers(4, 5), vectors(BITS, [40, 50]))
    one.flush(sequence=4)
    assert other.reopen()
    assert (other.sequence, len(other)) == (4, 4)


def test_a_writer_that_was_overtaken_takes_what_is_there_and_the_rows_have_the_rest(tmp_path: Path) -> None:
    filled(tmp_path)
    one, other = FaissIndex(BITS, tmp_path), FaissIndex(BITS, tmp_path)
    one.upsert(numbers(4), vectors(BITS, [40]))
    other.upsert(numbers(4, 5), vectors(BITS, [40, 50]))
    one.flush(sequence=4)
    other.flush(sequence=5)
    assert (other.sequence, len(other), check_index(BITS, tmp_path)) == (4, 4, [])
    other.upsert(numbers(5), vectors(BITS, [50]))
    other.flush(sequence=5)
    assert (FaissIndex(BITS, tmp_path).sequence, len(other)) == (5, 5)


def test_nothing_is_left_of_segments_that_no_manifest_names(tmp_path: Path) -> None:
    index = filled(tmp_path)
    for number in (4, 5, 6):
        index.upsert(numbers(number), vectors(BITS, [number]))
        index.flush(sequence=number)
    assert len(list(tmp_path.glob("segment-*.faiss"))) <= 2


def _found_elsewhere(folder: Path, results: "Queue[list[int]]") -> None:
    index = FaissIndex(BITS, folder)
    results.put([hit.number for hit in index.search(vectors(BITS, [20]), k=1)[0]])


@pytest.mark.long
def test_another_process_maps_the_same_files(tmp_path: Path) -> None:
    index = filled(tmp_path)
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(next(tmp_path.glob("segment-*.faiss"))) in maps.read_text()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    child = context.Process(target=_found_elsewhere, args=(tmp_path, results))
    child.start()
    assert results.get(timeout=60) == [2]
    child.join()
    assert len(index) == 3
