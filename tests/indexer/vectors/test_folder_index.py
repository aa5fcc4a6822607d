"""What both kinds of index in a folder do."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from exhibit.types import Space
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.folder_index import repeated_numbers
from indexer.vectors.manifest import read_manifest
from indexer.votes.index import VoteIndex
from tests.assets.indexes import BITS, numbers, vectors
from tests.assets.voters import descriptors

Opened = Callable[[], Any]


@pytest.fixture(params=[BITS, ROOTSIFT], ids=lambda space: space.name)
def space(request: pytest.FixtureRequest) -> Space:
    made: Space = request.param
    return made


@pytest.fixture
def opened(space: Space, tmp_path: Path) -> Opened:
    return lambda: VoteIndex(tmp_path) if space is ROOTSIFT else FaissIndex(space, tmp_path)


def add(index: Any, *added: int) -> None:  # noqa: ANN401 - either
    rows: Iterable[int] = added
    if isinstance(index, VoteIndex):
        index.upsert([(number, descriptors(number)) for number in rows])
    else:
        index.upsert(numbers(*rows), vectors(BITS, [number * 10 for number in rows]))


def test_a_slower_writer_never_undoes_a_faster_one(opened: Opened) -> None:
    first = opened()
    add(first, 1, 2, 3)
    first.flush(3)
    slow, fast = opened(), opened()
    add(slow, 4)
    add(fast, 4, 5)
    fast.flush(5)
    slow.flush(4)
    assert (slow.sequence, len(slow), opened().sequence) == (5, 5, 5)


@pytest.mark.long
def test_small_segments_become_one_and_nothing_is_left_behind(opened: Opened, tmp_path: Path, space: Space) -> None:
    index = opened()
    for number in range(1, 30):
        add(index, number)
        index.flush(number)
    assert len(read_manifest(tmp_path, space.id).segments) <= 5
    assert len(list(tmp_path.glob("segment-*.faiss"))) <= 8
    assert len(opened()) == 29


def test_numbers_that_are_there_more_than_once_are_told(opened: Opened) -> None:
    index = opened()
    add(index, 1, 2, 3)
    index.remove(numbers(2))
    assert repeated_numbers([index._tail, index._tail]) == [
        "Number 1 is there more than once.",
        "Number 3 is there more than once.",
    ]
