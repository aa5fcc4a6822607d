"""What both kinds of index in a folder do."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from exhibit.types import Space
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.folder_index import repeated_numbers
from indexer.votes.index import VoteIndex
from tests.assets.indexes import BITS, numbers, vectors
from tests.assets.voters import descriptors

Opened = Callable[[Path], Any]


@pytest.fixture(params=[BITS, ROOTSIFT], ids=lambda space: space.name)
def opened(request: pytest.FixtureRequest) -> Opened:
    space: Space = request.param
    return VoteIndex if space is ROOTSIFT else lambda folder: FaissIndex(space, folder)


def add(index: Any, *added: int) -> None:  # noqa: ANN401 - either
    rows: Iterable[int] = added
    if isinstance(index, VoteIndex):
        index.upsert([(number, descriptors(number)) for number in rows])
    else:
        index.upsert(numbers(*rows), vectors(BITS, [number * 10 for number in rows]))


def test_a_slower_writer_never_undoes_a_faster_one(opened: Opened, tmp_path: Path) -> None:
    first = opened(tmp_path)
    add(first, 1, 2, 3)
    first.flush(3)
    slow, fast = opened(tmp_path), opened(tmp_path)
    add(slow, 4)
    add(fast, 4, 5)
    fast.flush(5)
    slow.flush(4)
    assert (slow.sequence, len(slow), opened(tmp_path).sequence) == (5, 5, 5)


def test_small_segments_become_one_and_nothing_is_left_behind(opened: Opened, tmp_path: Path) -> None:
    index = opened(tmp_path)
    for number in range(1, 30):
        add(index, number)
        index.flush(number)
    assert len(json.loads((tmp_path / "manifest.json").read_text())["segments"]) <= 5
    assert len(list(tmp_path.glob("segment-*.faiss"))) <= 8
    assert len(opened(tmp_path)) == 29


def test_numbers_that_are_there_more_than_once_are_told(opened: Opened, tmp_path: Path) -> None:
    index = opened(tmp_path)
    add(index, 1, 2, 3)
    index.remove(numbers(2))
    assert repeated_numbers([index._tail, index._tail]) == [
        "Number 1 is there more than once.",
        "Number 3 is there more than once.",
    ]
