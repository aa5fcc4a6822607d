"""The index of local votes over the registered works: each descriptor of a picture votes for works with one like it.

LNBNN of McCann and Lowe, "Local Naive Bayes Nearest Neighbor for Image Classification" (2012): a vote weighs as much as
the neighbour is nearer than the tenth one, which stands for the background. Each descriptor has one vote for a work.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Untyped
from indexer.picture.local_features import MIRROR, WIDTH, units_of
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.folder_index import FolderIndex, repeated_numbers
from indexer.vectors.manifest import Manifest, SegmentEntry, read_manifest, replace_segments
from indexer.votes.codec import shipped_codec
from indexer.votes.segments import (
    MAX_WORKS,
    VoteRows,
    Works,
    nearest_lists,
    no_rows,
    opened,
    pieces_of,
    segment_problems,
    write_segments,
)

NEIGHBOURS = 10
"""The last of these is the background."""
HEAVIEST = 64
"""Works that are told of: those beyond show what chance gives, and no more."""


@dataclass(frozen=True, slots=True)
class Vote:
    """How much speaks for one work."""

    number: int  # index sequence number of the work's local features
    weight: float  # sum of the votes, in distances between descriptors of unit length


class VoteIndex(FolderIndex[VoteRows]):
    """The local features of works, in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(ROOTSIFT, folder)

    @property
    def codec(self) -> Untyped:
        """The codec of its segments, or the one that comes with the product."""
        return self._segments[0].index if self._segments else shipped_codec()

    @property
    def descriptors(self) -> int:
        """How many descriptors lie in its rows, those that are gone among them."""
        return sum(int(rows.index.ntotal) for rows in self._rows)

    def counts(self) -> dict[int, int]:
        """How many descriptors each work has."""
        return dict(chain.from_iterable(rows.counts() for rows in self._rows))

    def upsert(self, works: Works) -> None:
        """Add works to the tail, replacing those that are there; of equal numbers the last counts.

        Raises ``WrongUseError`` for descriptors of another shape, as does :meth:`votes`.
        """
        latest = {int(number): checked(descriptors) for number, descriptors in works}
        self.remove(np.array(list(latest), np.int64))
        if np.isin(self._tail.numbers, list(latest)).any():
            self._tail.compact()
        self._tail.add(sorted(latest.items()))
        self._changed = self._changed or bool(latest)

    def without(self, numbers: NDArray[np.int64]) -> Self:
        """The index as if these works had never come: to be asked, not to be changed."""
        other = copy.copy(self)
        other._hide(numbers)  # noqa: SLF001 - one of us
        return other

    def votes(self, descriptors: NDArray[np.uint8]) -> list[Vote]:
        """What the descriptors of a picture, uint8 (n, 128), say of the works, the heaviest first.

        They are asked for the picture as it is, and mirrored; the more counts. Mirrored copies are rare: the first half
        of the descriptors is asked for those, for all.
        """
        if not len(self) or not len(checked(descriptors)):
            return []
        count, some = len(descriptors), descriptors[: -(-len(descriptors) // 2), MIRROR]
        distances, numbers = self._nearest(units_of(np.concatenate([descriptors, some])))
        straight = count_votes(distances[:count], numbers[:count])
        mirrored = count_votes(distances[count:], numbers[count:], of=count)
        heaviest = {vote.number: vote for vote in sorted((*straight, *mirrored), key=lambda vote: vote.weight)}
        return sorted(heaviest.values(), key=lambda vote: (-vote.weight, vote.number))

    def _nearest(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Squared distances and numbers of the nearest, nearest first, -1 where there are no more.

        Which of equally far ones come last hangs on the order in which they came; those don't vote.
        """
        probed = nearest_lists(self.codec, queries)
        found = [rows.search(queries, probed, NEIGHBOURS) for rows in self._rows if len(rows)]
        if len(found) == 1:
            return found[0]
        distances, numbers = (np.concatenate(columns, axis=1) for columns in zip(*found, strict=True))
        nearest = np.argsort(np.where(numbers < 0, np.inf, distances), axis=1)[:, :NEIGHBOURS]
        return np.take_along_axis(distances, nearest, axis=1), np.take_along_axis(numbers, nearest, axis=1)

    def _hide(self, numbers: NDArray[np.int64]) -> None:
        self._segments = [rows.without(numbers) for rows in self._segments]
        self._tail = self._tail.without(numbers)

    @property
    def _most(self) -> int:
        return MAX_WORKS

    def _no_rows(self) -> VoteRows:
        return no_rows(self.codec)

    def _opened(self, manifest: Manifest) -> list[VoteRows]:
        return opened(self._folder, manifest)

    def _write_rest(self, generation: int, keep: int) -> list[SegmentEntry]:
        return write_segments(self._folder, generation, [[*self._segments[keep:], self._tail]])


def checked(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The descriptors; raises ``WrongUseError`` when they aren't rows of 128 bytes."""
    if descriptors.ndim != 2 or descriptors.shape[1] != WIDTH or descriptors.dtype != np.uint8:
        raise WrongUseError(f"These aren't local features: {descriptors.dtype} {descriptors.shape}.")
    return descriptors


def rebuild_votes(folder: Path, works: Iterable[Works], sequence: int, codec: Untyped = None) -> None:
    """Replace whatever lies in a folder by batches of works, numbers ascending over all of them.

    ``sequence`` is the highest change number that they contain; the codec is the one that comes with the product unless
    a trained one is given.
    """
    pieces = pieces_of(shipped_codec() if codec is None else codec, works)
    replace_segments(folder, ROOTSIFT.id, sequence, partial(write_segments, pieces=pieces))


def check_votes(folder: Path) -> list[str]:
    """Everything that is wrong with what is durable, one sentence each; reads all files whole."""
    try:
        manifest = read_manifest(folder, ROOTSIFT.id)
        problems = [problem for entry in manifest.segments for problem in segment_problems(folder, entry.name)]
        return problems or repeated_numbers(opened(folder, manifest))
    except (FileNotFoundError, IntegrityError) as error:
        return [str(error)]


def count_votes(distances: NDArray[np.float32], numbers: NDArray[np.int64], of: int | None = None) -> list[Vote]:
    """Count the votes of one picture: for the heaviest works, heaviest first, ties by number.

    Squared distances and numbers have shape (descriptors, neighbours), nearest first, numbers -1 where there is no
    neighbour. The order of equally near ones makes no difference. With ``of`` some descriptors stand for so many:
    weights are so much larger.
    """
    there = numbers >= 0
    if not there.any():
        return []
    lengths = np.sqrt(np.maximum(np.where(there, distances, 0), 0))
    background = lengths.max(axis=1, keepdims=True)
    counts = there & ~_has_voted(numbers)
    works, places = np.unique(numbers[counts], return_inverse=True)
    weights = np.broadcast_to(background, lengths.shape)[counts] - lengths[counts]
    sums = np.bincount(places, weights, len(works)) * (1 if of is None else of / len(numbers))
    order = np.lexsort((works, -sums))[:HEAVIEST]
    return [Vote(int(works[row]), float(sums[row])) for row in order if sums[row] > 0]


def _has_voted(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the descriptor of a row voted for the same work with a nearer neighbour."""
    again = np.zeros(numbers.shape, np.bool_)
    for neighbour in range(1, numbers.shape[1]):
        again[:, neighbour] = (numbers[:, :neighbour] == numbers[:, neighbour, None]).any(axis=1)
    return again
