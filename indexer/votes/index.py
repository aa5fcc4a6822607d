"""The index of local votes over the registered works: segments that all processes map, and a tail in memory.

It grows as ``vectors.faiss_index`` does: a process opens what is durable, replays the newer changes from the rows,
and one of them writes its tail down now and then. The folder is a cache; the rows can make it again.
"""

import copy
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Untyped
from indexer.picture.local_features import MIRROR, WIDTH
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.faiss_index import kept, opened_whole
from indexer.vectors.flat import SPARE
from indexer.vectors.manifest import Manifest, SegmentEntry, manifest_to_replace, publish, read_manifest, writer
from indexer.votes.codec import shipped_codec, units
from indexer.votes.segments import (
    MAX_WORKS,
    VoteRows,
    Works,
    merged,
    no_rows,
    opened,
    segment_problems,
    write_segment,
    write_segments,
)
from indexer.votes.votes import NEIGHBOURS, Vote, count_votes


class VoteIndex:
    """The local features of works, in a folder.

    Args:
        folder: made on the first flush.

    Raises:
        IntegrityError: what lies in the folder is damaged or of another space.
    """

    space = ROOTSIFT

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest = Manifest(ROOTSIFT.id)
        self._segments: list[VoteRows] = []
        self._changed = False
        self._open()

    @property
    def sequence(self) -> int:
        """The highest change number in what is durable; newer changes are the caller's to replay."""
        return self._manifest.sequence

    @property
    def codec(self) -> Untyped:
        """The codec of its segments, or the one that comes with the product."""
        return self._segments[0].index if self._segments else shipped_codec()

    @property
    def descriptors(self) -> int:
        """How many descriptors lie in its rows, those that are gone among them."""
        return sum(int(rows.index.ntotal) for rows in (*self._segments, self._tail))

    def counts(self) -> dict[int, int]:
        """How many descriptors each work has."""
        return dict(chain.from_iterable(rows.counts() for rows in (*self._segments, self._tail)))

    def __len__(self) -> int:
        return sum(len(rows) for rows in (*self._segments, self._tail))

    def upsert(self, works: Works) -> None:
        """Add works to the tail, replacing those that are there.

        Args:
            works: numbers with their descriptors; of equal numbers the last counts.

        Raises:
            WrongUseError: descriptors of another shape.
        """
        latest = {int(number): checked(descriptors) for number, descriptors in works}
        self.remove(np.array(list(latest), np.int64))
        if np.isin(self._tail.numbers, list(latest)).any():
            self._tail.compact()
        self._tail.add(sorted(latest.items()))
        self._changed = self._changed or bool(latest)

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Remove works; returns how many were there."""
        removed = sum(rows.remove(numbers) for rows in (*self._segments, self._tail))
        self._changed = self._changed or removed > 0
        return removed

    def without(self, numbers: NDArray[np.int64]) -> Self:
        """The index as if these works had never come: to be asked, not to be changed."""
        other = copy.copy(self)
        other._hide(numbers)  # noqa: SLF001 - one of us
        return other

    def votes(self, descriptors: NDArray[np.uint8]) -> list[Vote]:
        """What the descriptors of a picture say of the works: of the picture as it is, and mirrored; the more counts.

        Mirrored copies are rare: the first half of the descriptors is asked for those, for all.

        Args:
            descriptors: uint8, shape (n, 128).

        Returns:
            The works with most votes, the heaviest first.

        Raises:
            WrongUseError: descriptors of another shape.
        """
        if not len(self) or not len(checked(descriptors)):
            return []
        some = descriptors[: -(-len(descriptors) // 2), MIRROR]
        straight = count_votes(*self._nearest(units(descriptors)))
        mirrored = count_votes(*self._nearest(units(some)), of=len(descriptors))
        heaviest = {vote.number: vote for vote in sorted((*straight, *mirrored), key=lambda vote: vote.weight)}
        return sorted(heaviest.values(), key=lambda vote: (-vote.weight, vote.number))

    def flush(self, sequence: int) -> None:
        """Write the tail and what was removed, and swap the manifest.

        When another process has written in the meantime, its state is taken instead, and what is newer is replayed.

        Args:
            sequence: the highest change number that was replayed.
        """
        if not self._changed and sequence == self.sequence:
            return
        with writer(self._folder):
            present = read_manifest(self._folder, ROOTSIFT.id)
            if present.generation == self._manifest.generation:
                self._write(present, sequence)
        self._open()

    def reopen(self) -> bool:
        """Take what another process has written since, dropping the tail; returns whether there was anything new."""
        if read_manifest(self._folder, ROOTSIFT.id).generation == self._manifest.generation:
            return False
        self._open()
        return True

    def _nearest(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        found = [rows.search(queries, NEIGHBOURS + SPARE) for rows in (*self._segments, self._tail) if len(rows)]
        distances, numbers = (np.concatenate(columns, axis=1) for columns in zip(*found, strict=True))
        distances = np.where(numbers < 0, np.inf, distances)
        nearest = np.lexsort((numbers, distances), axis=1)[:, :NEIGHBOURS]
        return np.take_along_axis(distances, nearest, axis=1), np.take_along_axis(numbers, nearest, axis=1)

    def _open(self) -> None:
        self._manifest, self._segments = opened_whole(
            self._folder, ROOTSIFT, lambda manifest: opened(self._folder, manifest)
        )
        self._tail = no_rows(self.codec)
        self._changed = False

    def _hide(self, numbers: NDArray[np.int64]) -> None:
        self._segments = [rows.without(numbers) for rows in self._segments]
        self._tail = self._tail.without(numbers)

    def _write(self, present: Manifest, sequence: int) -> None:
        generation, left = present.generation + 1, kept(self._segments, self._tail, MAX_WORKS)
        entries = []
        for entry, rows in zip(present.segments[:left], self._segments[:left], strict=True):
            gone = None
            if rows.gone.any():
                gone = f"gone-{generation:08d}-{entry.name}.npy"
                np.save(self._folder / gone, rows.numbers[rows.gone], allow_pickle=False)
            entries.append(SegmentEntry(entry.name, gone))
        self._tail.compact()
        older = [rows.numbers[rows.gone] for rows in self._segments[left:]]
        rows = merged(self._folder, present.segments[left:], older, self._tail)
        if len(rows):
            entries.append(SegmentEntry(f"segment-{generation:08d}-0000", None))
            write_segment(self._folder, entries[-1].name, rows)
        publish(self._folder, Manifest(ROOTSIFT.id, generation, sequence, tuple(entries)), keep=present.files)


def checked(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The descriptors; raises ``WrongUseError`` when they aren't rows of 128 bytes."""
    if descriptors.ndim != 2 or descriptors.shape[1] != WIDTH or descriptors.dtype != np.uint8:
        raise WrongUseError(f"These aren't local features: {descriptors.dtype} {descriptors.shape}.")
    return descriptors


def rebuild_votes(folder: Path, works: Iterable[Works], sequence: int, codec: Untyped = None) -> None:
    """Replace whatever lies in a folder by these works; readers go on with the old files until they reopen.

    Args:
        folder: made when absent.
        works: batches, numbers ascending over all of them.
        sequence: the highest change number that they contain.
        codec: a trained one; the one that comes with the product without it.
    """
    with writer(folder):
        present = manifest_to_replace(folder, ROOTSIFT.id)
        generation = present.generation + 1
        entries = write_segments(folder, generation, shipped_codec() if codec is None else codec, works)
        publish(folder, Manifest(ROOTSIFT.id, generation, sequence, tuple(entries)), keep=present.files)


def check_votes(folder: Path) -> list[str]:
    """Everything that is wrong with what is durable, one sentence each; reads all files whole."""
    try:
        manifest = read_manifest(folder, ROOTSIFT.id)
    except IntegrityError as error:
        return [str(error)]
    problems = [problem for entry in manifest.segments for problem in segment_problems(folder, entry.name)]
    if problems:
        return problems
    try:
        live = [rows.numbers[~rows.gone] for rows in opened(folder, manifest)]
    except (FileNotFoundError, IntegrityError) as error:
        return [str(error)]
    numbers, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *live]), return_counts=True)
    return [f"Number {number} is there more than once." for number in numbers[counts > 1][:10]]
