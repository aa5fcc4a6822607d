"""A descriptor index with cells: it answers nearly as brute force does, in a quarter of the room."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from exhibit.errors import IntegrityError
from exhibit.types import Metric, Space
from indexer.picture.spaces import DESCRIPTOR, PHASH
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import check_index, rebuild_index
from indexer.vectors.inverted_lists import CellRows, cell_count
from indexer.vectors.segments import open_segment
from tests.assets.brute_force import BruteForceIndex

UNITS = Space("units", "1", Metric.COSINE, 64)
ROWS = 6_000


@pytest.fixture(autouse=True)
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.vectors.inverted_lists.CELLS_FROM", 1_000)


def of_unit_length(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    chance = np.random.default_rng(3)
    centres = chance.normal(size=(60, 64))
    return of_unit_length(centres[chance.integers(0, 60, ROWS)] + chance.normal(size=(ROWS, 64)))


def near(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return of_unit_length(vectors + np.random.default_rng(4).normal(0, 0.08, vectors.shape))


def test_few_of_the_answers_of_brute_force_are_lost(tmp_path: Path, vectors: NDArray[np.float32]) -> None:
    numbers = np.arange(1, ROWS + 1)
    rebuild_index(UNITS, tmp_path, [(numbers, vectors)], ROWS)
    cells, brute = FaissIndex(UNITS, tmp_path), BruteForceIndex(UNITS)
    brute.upsert(numbers, vectors)
    gone = numbers[::7]
    assert cells.remove(gone) == brute.remove(gone)
    for k in (4, 100):
        found, wanted = (index.search(near(vectors[1:100]), k=k, within=0.7) for index in (cells, brute))
        assert np.mean([one[0].number == other[0].number for one, other in zip(found, wanted, strict=True)]) >= 0.98
        kept = [
            len({hit.number for hit in one} & {hit.number for hit in other}) / len(other)
            for one, other in zip(found, wanted, strict=True)
        ]
        assert np.mean(kept) >= 0.9
        assert max(abs(one[0].distance - other[0].distance) for one, other in zip(found, wanted, strict=True)) < 0.02
    assert not {hit.number for row in found for hit in row} & set(gone.tolist())


def test_a_segment_with_cells_is_small_and_can_become_another_segment(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    rebuild_index(UNITS, tmp_path, [(np.arange(1, ROWS + 1), vectors)], ROWS)
    assert next(tmp_path.glob("*.faiss")).stat().st_size < vectors.nbytes / 2
    index = FaissIndex(UNITS, tmp_path)
    index.upsert(np.arange(ROWS + 1, 2 * ROWS + 1), vectors)
    index.remove(np.array([5]))
    index.flush(2 * ROWS)
    again = FaissIndex(UNITS, tmp_path)
    assert (len(again), check_index(UNITS, tmp_path)) == (2 * ROWS - 1, [])
    assert {hit.number for hit in again.search(vectors[9:10], k=2)[0]} == {10, ROWS + 10}
    names = [path.stem for path in tmp_path.glob("segment-*.json")]
    assert all(isinstance(open_segment(tmp_path, name, UNITS), CellRows) for name in names)


def test_a_header_with_other_cells_than_its_file_is_refused(tmp_path: Path, vectors: NDArray[np.float32]) -> None:
    rebuild_index(UNITS, tmp_path, [(np.arange(1, ROWS + 1), vectors)], ROWS)
    (path,) = tmp_path.glob("segment-*.json")
    path.write_text(path.read_text().replace('"cells": ', '"cells": 1'))
    with pytest.raises(IntegrityError):
        FaissIndex(UNITS, tmp_path)


def test_small_segments_and_hashes_have_no_cells() -> None:
    assert cell_count(UNITS, 999) == 0
    assert cell_count(PHASH, 1 << 30) == 0
    assert cell_count(DESCRIPTOR, 1_000_000) == 2048
