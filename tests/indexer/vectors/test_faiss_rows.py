"""Test that flat rows in FAISS give brute-force results, and that lists of hashes and cells lose little."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exhibit.types import Metric, Space
from indexer.picture.spaces import PHASH
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.faiss_rows import MIN_HITS_TO_READ_ALL, VectorRows, choose_cell_count
from indexer.vectors.robust_bits import ROBUST_BITS
from tests.assets.brute_force import BruteForceIndex
from tests.assets.indexes import BITS

UNITS = Space("units", "1", Metric.COSINE, 64)
DESCRIBED, HASHED = 6_000, 3_000


@pytest.fixture
def small_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use lists from some thousand rows, as many as in a large index, and cells."""
    monkeypatch.setattr("indexer.vectors.faiss_rows.HASH_LISTS_FROM", 1_000)
    monkeypatch.setattr("indexer.vectors.robust_bits.ROWS_PER_LIST", 3)
    monkeypatch.setattr("indexer.vectors.faiss_rows.CELLS_FROM", 1_000)


def segments(index: FaissIndex) -> list[VectorRows]:
    return index._opened.segments


@pytest.mark.parametrize("space", [BITS, Space("wide", "1", Metric.COSINE, 256)], ids=lambda space: space.name)
def test_row_distance_is_independent_of_order_and_batch(space: Space, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    if space.metric is Metric.HAMMING:
        rows: NDArray[Any] = random.integers(0, 256, (120, 8), np.uint8)
    else:
        rows = random.normal(size=(120, 256)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[40:70] = rows[40]  # so many equal rows that the results would be random
    reference = None
    for order in (np.arange(120), np.arange(120)[::-1], random.permutation(120)):
        for pieces in (1, 3, 17):
            whole = BruteForceIndex(space), FaissIndex(space, tmp_path / f"{order[0]}-{order[1]}-{pieces}")
            for index in whole:
                for part in np.array_split(order, pieces):
                    index.upsert(part + 1, rows[part])
                    if isinstance(index, FaissIndex):
                        index.flush()
                for queries in (rows[38:42], np.tile(rows[38:42], (9, 1))):
                    result = index.search(queries, k=7)[:4]
                    reference = reference or result
                    assert result == reference


@pytest.fixture
def hashes() -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, (HASHED, 32), np.uint8)


@pytest.fixture
def both(small_lists: None, tmp_path: Path, hashes: NDArray[np.uint8]) -> tuple[FaissIndex, BruteForceIndex]:
    """The same rows, numbered in threes, in lists on disk and in a brute-force index."""
    numbers = np.arange(1, HASHED + 1) * 3
    listed, brute = FaissIndex(PHASH, tmp_path), BruteForceIndex(PHASH)
    listed.replace([(numbers, hashes)], HASHED * 3)
    brute.upsert(numbers, hashes)
    assert not segments(listed)[0].is_flat
    return listed, brute


def flip_bits(hashes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Change this many bits of the hashes, the less robust ones more often, as edits do."""
    chance = np.random.default_rng(5)
    rates = np.full((16, 16), 0.23)
    rates[0, 0] = 1e-9
    for place, rate in ROBUST_BITS:
        rates[place] = rate
    share = (rates / rates.sum()).ravel()
    masks = np.zeros((len(hashes), 256), np.uint8)
    for mask in masks:
        mask[chance.choice(256, bits, replace=False, p=share)] = 1
    changed: NDArray[np.uint8] = hashes ^ np.packbits(masks, axis=1)
    return changed


@pytest.mark.parametrize("within", [None, 20, 90, 110])
@pytest.mark.parametrize("k", [MIN_HITS_TO_READ_ALL, 250])
def test_large_result_requests_match_brute_force(
    both: tuple[FaissIndex, BruteForceIndex], hashes: NDArray[np.uint8], k: int, within: float | None
) -> None:
    queries = flip_bits(hashes[:12], 60)
    listed, brute = both
    assert listed.search(queries, k=k, within=within) == brute.search(queries, k=k, within=within)


def test_changes_match_brute_force_before_and_after_flush(
    both: tuple[FaissIndex, BruteForceIndex], hashes: NDArray[np.uint8], tmp_path: Path
) -> None:
    listed, brute = both
    removed, changed = np.arange(30, 600, 3), np.arange(900, 960, 3)
    for index in both:
        index.upsert(changed, hashes[: len(changed)])
    assert listed.remove(removed) == brute.remove(removed)
    reference = brute.search(hashes[:30], k=MIN_HITS_TO_READ_ALL, within=115)
    assert listed.search(hashes[:30], k=MIN_HITS_TO_READ_ALL, within=115) == reference
    listed.flush(HASHED * 3)
    again = FaissIndex(PHASH, tmp_path)
    assert again.search(hashes[:30], k=MIN_HITS_TO_READ_ALL, within=115) == reference
    assert (len(again), again.check()) == (len(brute), [])


@pytest.mark.long
def test_index_finds_nearly_all_copies_found_by_brute_force(
    both: tuple[FaissIndex, BruteForceIndex], hashes: NDArray[np.uint8]
) -> None:
    listed, brute = both
    for bits, least in ((10, 0.99), (40, 0.98), (70, 0.93)):
        queries = flip_bits(hashes[:400], bits)
        actual, expected = (
            [{hit.number for hit in row} for row in index.search(queries, k=3, within=90)] for index in (listed, brute)
        )
        retained = [first <= other for first, other in zip(expected, actual, strict=True)]
        assert np.mean(retained) >= least


def test_search_reads_only_a_fraction_of_lists(both: tuple[FaissIndex, BruteForceIndex]) -> None:
    far = np.random.default_rng(6).integers(0, 256, (300, 32), np.uint8)
    few, all_of_them = (sum(map(len, both[0].search(far, k=k, within=99))) for k in (99, 100))
    assert 0.1 * all_of_them < few < 0.8 * all_of_them


def of_unit_length(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    chance = np.random.default_rng(3)
    centres = chance.normal(size=(60, 64))
    return of_unit_length(centres[chance.integers(0, 60, DESCRIBED)] + chance.normal(size=(DESCRIBED, 64)))


def add_noise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return of_unit_length(vectors + np.random.default_rng(4).normal(0, 0.08, vectors.shape))


@pytest.mark.usefixtures("small_lists")
def test_index_finds_nearly_all_nearest_neighbours_found_by_brute_force(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    numbers = np.arange(1, DESCRIBED + 1)
    cells, brute = FaissIndex(UNITS, tmp_path), BruteForceIndex(UNITS)
    cells.replace([(numbers, vectors)], DESCRIBED)
    brute.upsert(numbers, vectors)
    removed = numbers[::7]
    assert cells.remove(removed) == brute.remove(removed)
    for k in (4, 100):
        actual, expected = (index.search(add_noise(vectors[1:100]), k=k, within=0.7) for index in (cells, brute))
        assert (
            np.mean([first[0].number == other[0].number for first, other in zip(actual, expected, strict=True)]) >= 0.98
        )
        overlap = [
            len({hit.number for hit in first} & {hit.number for hit in other}) / len(other)
            for first, other in zip(actual, expected, strict=True)
        ]
        assert np.mean(overlap) >= 0.9
        assert (
            max(abs(first[0].distance - other[0].distance) for first, other in zip(actual, expected, strict=True))
            < 0.02
        )
    assert not {hit.number for row in actual for hit in row} & set(removed.tolist())


@pytest.mark.usefixtures("small_lists")
def test_segment_with_cells_is_compact_and_convertible(tmp_path: Path, vectors: NDArray[np.float32]) -> None:
    index = FaissIndex(UNITS, tmp_path)
    index.replace([(np.arange(1, DESCRIBED + 1), vectors)], DESCRIBED)
    assert next(tmp_path.glob("*.faiss")).stat().st_size < vectors.nbytes / 2
    index.upsert(np.arange(DESCRIBED + 1, 2 * DESCRIBED + 1), vectors)
    index.remove(np.array([5]))
    index.flush(2 * DESCRIBED)
    again = FaissIndex(UNITS, tmp_path)
    assert (len(again), again.check()) == (2 * DESCRIBED - 1, [])
    assert {hit.number for hit in again.search(vectors[9:10], k=2)[0]} == {10, DESCRIBED + 10}
    assert not any(rows.is_flat for rows in segments(again))


def test_small_segments_have_no_cells() -> None:
    assert [choose_cell_count(rows) for rows in (49_999, 50_000, 1_000_000)] == [0, 512, 2048]
