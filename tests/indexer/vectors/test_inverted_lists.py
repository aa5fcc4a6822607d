"""A hash index with lists: the same answers as brute force where every list is read, few lost where not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exhibit.errors import IntegrityError
from indexer.picture.spaces import DESCRIPTOR, PHASH
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import check_index, rebuild_index
from indexer.vectors.inverted_lists import MAX_BITS, READ_ALL_FROM, ROBUST, list_bits
from tests.assets.brute_force import BruteForceIndex

ROWS = 3_000


@pytest.fixture(autouse=True)
def small_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists already for some thousand rows, as many as a large index has."""
    monkeypatch.setattr("indexer.vectors.inverted_lists.LISTED_FROM", 1_000)
    monkeypatch.setattr("indexer.vectors.inverted_lists.ROWS_A_LIST", 3)


@pytest.fixture
def hashes() -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, (ROWS, 32), np.uint8)


@pytest.fixture
def both(tmp_path: Path, hashes: NDArray[np.uint8]) -> tuple[FaissIndex, BruteForceIndex]:
    """The same rows, numbered in threes, in lists on disk and by brute force."""
    numbers = np.arange(1, ROWS + 1) * 3
    rebuild_index(PHASH, tmp_path, [(numbers, hashes)], ROWS * 3)
    brute = BruteForceIndex(PHASH)
    brute.upsert(numbers, hashes)
    return FaissIndex(PHASH, tmp_path), brute


def edited(hashes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """The hashes with so many bits changed, the less robust ones more often, as edits do."""
    chance = np.random.default_rng(5)
    rates = np.full((16, 16), 0.23)
    rates[0, 0] = 1e-9
    for place, rate in ROBUST:
        rates[place] = rate
    share = (rates / rates.sum()).ravel()
    masks = np.zeros((len(hashes), 256), np.uint8)
    for mask in masks:
        mask[chance.choice(256, bits, replace=False, p=share)] = 1
    changed: NDArray[np.uint8] = hashes ^ np.packbits(masks, axis=1)
    return changed


@pytest.mark.parametrize("within", [None, 20, 90, 110])
@pytest.mark.parametrize("k", [READ_ALL_FROM, 250])
def test_who_wants_many_answers_gets_those_of_brute_force(
    both: tuple[FaissIndex, BruteForceIndex], hashes: NDArray[np.uint8], k: int, within: float | None
) -> None:
    queries = edited(hashes[:12], 60)
    listed, brute = both
    assert listed.search(queries, k=k, within=within) == brute.search(queries, k=k, within=within)


def test_changes_are_answered_as_by_brute_force_before_and_after_they_are_written(
    both: tuple[FaissIndex, BruteForceIndex], hashes: NDArray[np.uint8], tmp_path: Path
) -> None:
    listed, brute = both
    gone, changed = np.arange(30, 600, 3), np.arange(900, 960, 3)
    for index in both:
        index.upsert(changed, hashes[: len(changed)])
    assert listed.remove(gone) == brute.remove(gone)
    wanted = brute.search(hashes[:30], k=READ_ALL_FROM, within=115)
    assert listed.search(hashes[:30], k=READ_ALL_FROM, within=115) == wanted
    listed.flush(ROWS * 3)
    again = FaissIndex(PHASH, tmp_path)
    assert again.search(hashes[:30], k=READ_ALL_FROM, within=115) == wanted
    assert (len(again), check_index(PHASH, tmp_path)) == (len(brute), [])


@pytest.mark.long
def test_few_copies_are_lost_of_those_that_brute_force_finds(
    both: tuple[FaissIndex, BruteForceIndex], hashes: NDArray[np.uint8]
) -> None:
    listed, brute = both
    for bits, least in ((10, 0.99), (40, 0.98), (70, 0.93)):
        queries = edited(hashes[:400], bits)
        found, wanted = (
            [{hit.number for hit in row} for row in index.search(queries, k=3, within=90)] for index in (listed, brute)
        )
        kept = [one <= other for one, other in zip(wanted, found, strict=True)]
        assert np.mean(kept) >= least


def test_a_search_reads_a_share_of_the_lists_only(both: tuple[FaissIndex, BruteForceIndex]) -> None:
    far = np.random.default_rng(6).integers(0, 256, (300, 32), np.uint8)
    few, all_of_them = (sum(map(len, both[0].search(far, k=k, within=99))) for k in (99, 100))
    assert 0.1 * all_of_them < few < 0.8 * all_of_them


def test_small_segments_and_other_spaces_have_no_lists() -> None:
    assert list_bits(PHASH, 999) == 0
    assert list_bits(DESCRIPTOR, 1 << 30) == 0
    assert list_bits(PHASH, 1 << 30) == MAX_BITS


def _header(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (path,) = folder.glob("segment-*.json")
        header = json.loads(path.read_text())
        change(header)
        path.write_text(json.dumps(header))

    return harm


@pytest.mark.parametrize(
    "harm",
    [
        _header(lambda header: header["borders"].__setitem__(1, -5)),
        _header(lambda header: header["borders"].__setitem__(-1, ROWS + 1)),
        _header(lambda header: header["borders"].pop(1)),
        _header(lambda header: header.update(borders=[])),
        _header(lambda header: header.update(sha256={})),
        lambda folder: next(folder.glob("*.order")).write_bytes(b""),
        lambda folder: next(folder.glob("*.order")).unlink(),
    ],
)
def test_lists_that_were_harmed_are_refused_and_a_rebuild_mends_them(
    both: tuple[FaissIndex, BruteForceIndex], hashes: NDArray[np.uint8], tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(tmp_path)
    assert check_index(PHASH, tmp_path)
    with pytest.raises(IntegrityError):
        FaissIndex(PHASH, tmp_path)
    rebuild_index(PHASH, tmp_path, [(np.arange(1, ROWS + 1), hashes)], ROWS)
    assert check_index(PHASH, tmp_path) == []
    assert len(FaissIndex(PHASH, tmp_path)) == len(both[1])


def test_an_order_that_was_changed_is_found_by_its_checksum(
    both: tuple[FaissIndex, BruteForceIndex], tmp_path: Path
) -> None:
    assert both
    (path,) = tmp_path.glob("*.order")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert ".order doesn't have the checksum" in check_index(PHASH, tmp_path)[0]
