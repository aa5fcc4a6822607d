"""Index of local votes over the registered works: each descriptor of a picture votes for works with a similar one.

LNBNN of McCann and Lowe, "Local Naive Bayes Nearest Neighbor for Image Classification" (2012): the weight of a vote is
the difference between the distances of the neighbour and of the tenth one, which represents the background. Each
descriptor has one vote for a work.
"""

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.ports import VectorSource
from exhibit.types import Untyped
from indexer.picture.local_features import DESCRIPTOR_WIDTH, MIRROR, to_unit_rows
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.folder_index import MAX_LISTED_PROBLEMS, FolderIndex
from indexer.votes.codec import (
    SAMPLES_PER_LIST,
    choose_list_count,
    compute_codec_digest,
    load_shipped_codec,
    train_codec,
)
from indexer.votes.rows import Contents, VoteRows, find_nearest_lists, map_rows, merge_rows, write_rows

NEIGHBOUR_COUNT = 10
"""Number of neighbours of a descriptor; the last one represents the background."""
MAX_RETURNED_WORKS = 64
"""Maximum number of works that are returned; those with fewer votes are at the level of chance."""
MAX_WORKS = 100_000
"""Maximum works in one segment: half a gigabyte."""
MIN_FOR_A_CODEC = 2_000
"""Number of works from which an installation trains its own codec."""

DescriptorSets = Sequence[NDArray[np.uint8]]
"""The descriptors of each work, uint8, shape (n, 128)."""
Batch = tuple[NDArray[np.int64], DescriptorSets]
"""Numbers of works with the descriptors of each."""


@dataclass(frozen=True, slots=True)
class Vote:
    """Votes for one work."""

    number: int  # index sequence number of the work's local features
    weight: float  # sum of the votes, in distances between descriptors of unit length


class VoteIndex(FolderIndex[VoteRows, Contents]):
    """Index of the local features of works, in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ROOTSIFT, folder)

    @property
    def codec(self) -> Untyped:
        """Codec of the segments, or the included one."""
        return self._opened.tail.index

    @property
    def is_outgrown(self) -> bool:
        """True if the number of works has grown so much that another codec suits it better."""
        lists = choose_list_count(len(self))
        descriptors = sum(int(rows.index.ntotal) for rows in self._opened.parts)
        return len(self) > MIN_FOR_A_CODEC and descriptors >= lists > self.codec.nlist

    def counts(self) -> dict[int, int]:
        """Count the descriptors of each work."""
        return dict(chain.from_iterable(rows.counts() for rows in self._opened.parts))

    def upsert(self, numbers: NDArray[np.int64], vectors: DescriptorSets) -> None:
        """Add works to the tail, replacing existing ones; of equal numbers the last one counts.

        Raises:
            InvalidRequestError: The descriptors have another shape.
        """
        latest = dict(
            sorted(zip(numbers.tolist(), map(validate_descriptors, vectors), strict=True), key=lambda pair: pair[0])
        )
        if not latest:
            return
        order, opened = np.array(list(latest), np.int64), self._opened
        self.remove(order)
        if np.isin(opened.tail.numbers, order).any():
            opened.tail = opened.tail.compact()
        opened.tail.add(order, list(latest.values()))
        opened.is_changed = True

    def replace(self, batches: Iterable[Batch], sequence: int, codec: Untyped = None) -> None:
        """Replace the index by batches of works, numbers ascending over all batches.

        Args:
            batches: Numbers, int64 (n,), and the descriptors of each.
            sequence: Highest change number that the batches contain.
            codec: A trained codec; by default the included one.
        """
        self.write_segments(self._split(batches, codec), sequence)

    def rebuild(self, source: VectorSource) -> None:
        """Replace the index by the contents of the database, with the codec that suits its size."""
        last = source.last_change()
        self.replace(source.batches(last), last, self._choose_codec(source, last))

    def exclude(self, numbers: NDArray[np.int64]) -> Self:
        """Return a copy of the index without these works, for searches only."""
        other = copy.copy(self)
        opened = copy.copy(self._opened)
        opened.segments = [rows.exclude(numbers) for rows in opened.segments]
        opened.tail = opened.tail.exclude(numbers)
        other._opened = opened  # noqa: SLF001 - of this class
        return other

    def votes(self, descriptors: NDArray[np.uint8]) -> list[Vote]:
        """Count the votes of the descriptors of a picture, uint8 (n, 128): the heaviest works first.

        The original and the mirrored picture vote, and the larger weight counts. Mirrored copies are rare, so only the
        first half of the descriptors votes for the mirrored picture.

        Raises:
            InvalidRequestError: The descriptors have another shape.
        """
        if not len(self) or not len(validate_descriptors(descriptors)):
            return []
        count, mirrored_part = len(descriptors), descriptors[: -(-len(descriptors) // 2), MIRROR]
        distances, numbers = self._find_nearest(to_unit_rows(np.concatenate([descriptors, mirrored_part])))
        upright_hits = count_votes(distances[:count], numbers[:count])
        mirrored = count_votes(distances[count:], numbers[count:], query_count=count)
        heaviest_votes = {
            vote.number: vote for vote in sorted((*upright_hits, *mirrored), key=lambda vote: vote.weight)
        }
        return sorted(heaviest_votes.values(), key=lambda vote: (-vote.weight, vote.number))

    def _find_nearest(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return squared distances and numbers of the nearest descriptors, nearest first, -1 where there are no more.

        The order of equally distant descriptors at the end depends on the order of insertion; these do not vote.
        """
        probed_lists = find_nearest_lists(self.codec, queries)
        parts: Sequence[VoteRows] = self._opened.parts
        results = [rows.search(queries, probed_lists, NEIGHBOUR_COUNT) for rows in parts if len(rows)]
        if len(results) == 1:
            return results[0]
        distances, numbers = (np.concatenate(columns, axis=1) for columns in zip(*results, strict=True))
        nearest = np.argsort(np.where(numbers < 0, np.inf, distances), axis=1)[:, :NEIGHBOUR_COUNT]
        return np.take_along_axis(distances, nearest, axis=1), np.take_along_axis(numbers, nearest, axis=1)

    def _list_differences(self, segments: list[VoteRows], sequence: int, source: VectorSource) -> list[str]:
        counts = dict(chain.from_iterable(rows.counts() for rows in segments))
        stored_counts = chain.from_iterable(
            zip(numbers.tolist(), sets, strict=True) for numbers, sets in source.batches(sequence)
        )
        differing_numbers = (
            f"Number {number} has {counts[number]} local features where the database has {len(descriptors)}."
            for number, descriptors in stored_counts
            if counts.get(number, len(descriptors)) != len(descriptors)
        )
        return [*super()._list_differences(segments, sequence, source), *islice(differing_numbers, MAX_LISTED_PROBLEMS)]

    def _choose_codec(self, source: VectorSource, upto: int) -> Untyped:
        """Return the current codec if it suits the number of works, or train one on a sample of them."""
        works = source.count(upto, by=upto)
        lists = choose_list_count(works)
        if works <= MIN_FOR_A_CODEC:
            return load_shipped_codec()
        try:
            current_codec = self.codec
        except IntegrityError:
            current_codec = load_shipped_codec()
        if current_codec.nlist == lists and compute_codec_digest(current_codec) != compute_codec_digest(
            load_shipped_codec()
        ):
            return current_codec
        sample_size = max(1, lists * SAMPLES_PER_LIST // works)  # evenly over all works and reproducible
        parts = [descriptors[:sample_size].copy() for _, sets in source.batches(upto) for descriptors in sets]
        sample = np.concatenate([np.zeros((0, DESCRIPTOR_WIDTH), np.uint8), *parts])
        return train_codec(sample, lists) if len(sample) >= lists else current_codec

    @property
    def _max_rows(self) -> int:
        return MAX_WORKS

    def _empty(self, segments: list[VoteRows]) -> VoteRows:
        return VoteRows.in_memory(segments[0].index if segments else load_shipped_codec())

    def _map(self, stem: Path) -> VoteRows:
        return map_rows(stem)

    def _merge(self, parts: Sequence[VoteRows]) -> Contents:
        return merge_rows(parts)

    def _split(self, batches: Iterable[Batch], codec: Untyped = None) -> Iterator[Contents]:
        codec = load_shipped_codec() if codec is None else codec
        rows = VoteRows.in_memory(codec)
        for numbers, sets in batches:
            for start in range(0, len(numbers), MAX_WORKS):
                work_slice = slice(start, start + MAX_WORKS)
                if len(rows) and len(rows) + len(numbers[work_slice]) > MAX_WORKS:
                    yield merge_rows([rows])
                    rows = VoteRows.in_memory(codec)
                rows.add(numbers[work_slice], sets[work_slice])
        if len(rows):
            yield merge_rows([rows])

    def _write(self, stem: Path, content: Contents) -> int:
        write_rows(stem, content)
        return len(content.numbers)


def validate_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the descriptors unchanged after validation.

    Raises:
        InvalidRequestError: The descriptors are not rows of 128 bytes.
    """
    if descriptors.ndim != 2 or descriptors.shape[1] != DESCRIPTOR_WIDTH or descriptors.dtype != np.uint8:
        raise InvalidRequestError(f"These are not local features: {descriptors.dtype} {descriptors.shape}.")
    return descriptors


def count_votes(
    distances: NDArray[np.float32], numbers: NDArray[np.int64], query_count: int | None = None
) -> list[Vote]:
    """Count the votes of one picture: the heaviest works, heaviest first, ties by number.

    The order of equally near neighbours makes no difference.

    Args:
        distances: Squared distances, shape (descriptors, neighbours), nearest first.
        numbers: Numbers of the neighbours, of the same shape; -1 where there is none.
        query_count: Number of descriptors that these represent; weights are scaled to it.
    """
    is_valid = numbers >= 0
    if not is_valid.any():
        return []
    lengths = np.sqrt(np.maximum(np.where(is_valid, distances, 0), 0))
    background = lengths.max(axis=1, keepdims=True)
    counts = is_valid & ~_find_repeated_votes(numbers)
    works, work_indices = np.unique(numbers[counts], return_inverse=True)
    weights = np.broadcast_to(background, lengths.shape)[counts] - lengths[counts]
    sums = np.bincount(work_indices, weights, len(works)) * (1 if query_count is None else query_count / len(numbers))
    order = np.lexsort((works, -sums))[:MAX_RETURNED_WORKS]
    return [Vote(int(works[row]), float(sums[row])) for row in order if sums[row] > 0]


def _find_repeated_votes(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return a mask of the neighbours whose work has a nearer neighbour in the same row."""
    is_repeated = np.zeros(numbers.shape, np.bool_)
    for neighbour in range(1, numbers.shape[1]):
        is_repeated[:, neighbour] = (numbers[:, :neighbour] == numbers[:, neighbour, None]).any(axis=1)
    return is_repeated
