"""Test that the index of local votes equals a manual count, whatever happened to it, and detects damage."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from faiss import vector_to_array
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from exhibit.errors import InvalidRequestError
from indexer.picture.local_features import MIRROR, to_unit_rows
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.manifest import read_manifest
from indexer.votes.codec import CODE_PARTS, PART_BITS, compute_codec_digest, load_shipped_codec, train_codec
from indexer.votes.index import NEIGHBOUR_COUNT, Vote, VoteIndex, count_votes
from tests.assets.local_feature_works import descriptors, filled_index, numbers, works

EVERY_LIST = 1024


def expected_votes(works: dict[int, int], query: NDArray[np.uint8]) -> dict[int, float]:
    """Count votes over all codes of all works, for the image and its mirror image."""
    codes, owners = [], []
    for number, seed in works.items():
        rows = to_unit_rows(descriptors(seed))
        codes.append(load_shipped_codec().pq.compute_codes(rows))
        owners += [number] * len(rows)
    if not owners:
        return {}
    votes: dict[int, float] = {}
    for part in (query, query[: -(-len(query) // 2), MIRROR]):
        away = squared_distances(to_unit_rows(part), np.concatenate(codes))
        nearest = np.argsort(away, axis=1, kind="stable")[:, :NEIGHBOUR_COUNT]
        for vote in count_votes(np.take_along_axis(away, nearest, axis=1), np.array(owners)[nearest]):
            votes[vote.number] = max(votes.get(vote.number, 0), vote.weight * len(query) / len(part))
    return votes


def squared_distances(queries: NDArray[np.float32], codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return squared distances of descriptors and codes, as sums over tables of integers, 255 for a query's widest."""
    centres = vector_to_array(load_shipped_codec().pq.centroids).reshape(CODE_PARTS, 1 << PART_BITS, -1)
    tables = ((queries.reshape(len(queries), CODE_PARTS, 1, -1) - centres) ** 2).sum(axis=3)
    least, spans = tables.min(axis=2), np.ptp(tables, axis=2)
    step = np.maximum(spans.max(axis=1) / 255, spans.sum(axis=1) / 65535)
    steps = np.floor((tables - least[..., None]) / step[:, None, None] + 0.5)
    values = np.stack([codes & 15, codes >> 4], axis=2).reshape(len(codes), CODE_PARTS)
    sums = steps[:, np.arange(CODE_PARTS), values].sum(axis=2)
    return np.asarray(least.sum(axis=1)[:, None] + step[:, None] * sums, np.float32)


def weights(votes: list[Vote]) -> dict[int, float]:
    return {vote.number: vote.weight for vote in votes}


OPERATIONS = st.one_of(
    st.tuples(st.just("upsert"), st.dictionaries(st.integers(1, 9), st.integers(0, 20), min_size=1, max_size=4)),
    st.tuples(st.just("remove"), st.lists(st.integers(1, 9), min_size=1, max_size=3)),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("open"), st.none()),
)


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(operations=st.lists(OPERATIONS, max_size=8), query=st.integers(0, 20))
def test_votes_match_manual_count_after_any_sequence_of_operations(
    operations: list[tuple[str, Any]], query: int
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.votes.rows.PROBES", EVERY_LIST)
        model: dict[int, int] = {}
        index = VoteIndex(Path(folder))
        for step, (name, rows) in enumerate(operations, start=1):
            if name == "upsert":
                index.upsert(numbers(*rows), [descriptors(seed) for seed in rows.values()])
                model.update(rows)
            elif name == "remove":
                assert index.remove(numbers(*rows)) == sum(model.pop(number, None) is not None for number in rows)
            else:
                index.flush(step)
                index = VoteIndex(Path(folder)) if name == "open" else index
        assert len(index) == len(model)
        query_vectors = descriptors(query, 12)
        assert weights(index.votes(query_vectors)) == pytest.approx(
            expected_votes(model, query_vectors), rel=1e-3, abs=1e-3
        )
        assert index.check() == []


def test_work_ranks_first_for_part_of_its_descriptors(tmp_path: Path) -> None:
    index = filled_index(tmp_path, *range(1, 40))
    best, second = index.votes(descriptors(7)[:10])[:2]
    assert best.number == 7
    assert best.weight > 3 * second.weight


def test_mirrored_descriptors_find_the_same_work(tmp_path: Path) -> None:
    index = filled_index(tmp_path, *range(1, 40))
    straight, mirrored = index.votes(descriptors(7)), index.votes(descriptors(7)[:, MIRROR])
    assert mirrored[0].number == straight[0].number == 7
    assert mirrored[0].weight == pytest.approx(straight[0].weight, rel=0.2)


def test_duplicate_unflushed_work_counts_once(tmp_path: Path) -> None:
    index, again = filled_index(tmp_path / "once", 1, 2, 3), VoteIndex(tmp_path / "again")
    again.upsert(*works(1, 2, 3))
    again.upsert(numbers(2, 3), [descriptors(7), descriptors(3)])
    again.upsert(*works(2))
    assert (again.votes(descriptors(2)), again.counts()) == (index.votes(descriptors(2)), index.counts())


@pytest.mark.long
def test_votes_are_independent_of_insertion_order_and_segments(tmp_path: Path) -> None:
    """Test many works with the same details, so that many neighbours are equally far away."""
    sets = [descriptors(number % 8, 60) for number in range(1, 41)]
    whole, parts = VoteIndex(tmp_path / "whole"), VoteIndex(tmp_path / "parts")
    whole.upsert(numbers(*range(1, 41)), sets)
    whole.flush(1)
    for sequence, number in enumerate(np.random.default_rng(5).permutation(len(sets)), start=1):
        parts.upsert(numbers(99, number + 1), [descriptors(1), sets[number]])
        parts.remove(numbers(99))
        if sequence in {34, 38}:
            parts.flush(sequence)
    assert len(read_manifest(tmp_path / "parts", ROOTSIFT.id).segments) == 2
    for seed in range(6):
        query_vectors = descriptors(seed, 80)
        assert whole.votes(query_vectors) == parts.votes(query_vectors) != []


def test_excluding_works_gives_same_votes_as_removing_them(tmp_path: Path) -> None:
    index, query_vectors = filled_index(tmp_path, 1, 2, 3), np.concatenate([descriptors(1), descriptors(2)])
    index.upsert(numbers(4), [descriptors(2)])
    before, without_works = index.votes(query_vectors), index.exclude(numbers(2, 4)).votes(query_vectors)
    assert index.votes(query_vectors) == before
    assert index.remove(numbers(2, 4)) == 2
    assert index.votes(query_vectors) == without_works
    assert without_works != before


def test_work_without_descriptors_is_counted_and_gets_no_votes(tmp_path: Path) -> None:
    index = VoteIndex(tmp_path)
    index.upsert(numbers(1, 2), [descriptors(1, 0), descriptors(2)])
    index.flush(2)
    assert len(VoteIndex(tmp_path)) == 2
    assert [vote.number for vote in index.votes(descriptors(2))] == [2]
    assert index.votes(descriptors(2, 0)) == []
    assert index.remove(numbers(1)) == 1


def test_invalid_descriptor_is_refused(tmp_path: Path) -> None:
    index = VoteIndex(tmp_path)
    with pytest.raises(InvalidRequestError):
        index.upsert(numbers(1), [np.zeros((3, 64), np.uint8)])
    with pytest.raises(InvalidRequestError):
        filled_index(tmp_path / "other", 1).votes(np.zeros((3, 128), np.uint16))


@pytest.mark.parametrize("graph_from", [8, 64])
def test_index_can_be_rebuilt_with_a_codec_trained_on_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, graph_from: int
) -> None:
    monkeypatch.setattr("indexer.votes.codec.GRAPH_FROM", graph_from)
    reader = filled_index(tmp_path, 1, 2)
    codec = train_codec(np.concatenate([descriptors(seed, 200) for seed in range(4)]), 16)
    VoteIndex(tmp_path).replace([works(1), works(2, 5)], 5, codec)
    assert reader.votes(descriptors(1))[0].number == 1
    assert reader.reopen()
    assert (
        compute_codec_digest(reader.codec) == compute_codec_digest(codec) != compute_codec_digest(load_shipped_codec())
    )
    reader.upsert(*works(9))
    reader.flush(9)
    again = VoteIndex(tmp_path)
    assert (len(again), again.codec.nlist, again.check()) == (4, 16, [])
    assert again.votes(descriptors(9))[0].number == 9


@pytest.mark.parametrize(
    "change",
    [
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-8] + bytes([data[-8] ^ 1]) + data[-7:],
        lambda data: data[:-1] + b"\xff",
        lambda data: data[512:],
        lambda data: data[:60],
    ],
)
def test_check_detects_damaged_lists(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    index = filled_index(tmp_path, 1, 2, 3)
    (path,) = tmp_path.glob("segment-*.lists")
    path.write_bytes(change(path.read_bytes()))
    assert index.check()
