"""The FAISS index: immutable segments that all processes map, and a small tail in the memory of each.

A process opens what is durable, replays the newer changes from the rows into its tail by ``upsert`` and ``remove``, and
searches both. One of them writes its tail down now and then; the others notice with :meth:`FaissIndex.reopen`, drop
their tails, and replay what came after :attr:`FaissIndex.sequence`. The folder is a cache: the rows can make it again.
"""

from collections.abc import Callable, Sequence, Sized
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import IntegrityError
from exhibit.types import Hit, Space
from indexer.vectors.brute import checked_rows, checked_vectors, empty_vectors
from indexer.vectors.flat import FlatRows, Tail, nearness
from indexer.vectors.manifest import Manifest, SegmentEntry, publish, read_manifest, writer
from indexer.vectors.segments import HINT, joined, most_rows, opened, write_segments

R = TypeVar("R")
TRIES = 5
GROWTH = 4
"""A flush takes older segments into the new one while they are smaller than so many times what it writes."""


class FaissIndex:
    """Vectors of one space in a folder. Implements ``ports.VectorIndex``.

    Args:
        space: of the vectors.
        folder: made on the first flush.

    Raises:
        IntegrityError: what lies in the folder is damaged or of another space.
    """

    def __init__(self, space: Space, folder: Path) -> None:
        self.space = space
        self._folder = folder
        self._manifest = Manifest(space.id)
        self._segments: list[FlatRows] = []
        self._tail = _no_rows(space)
        self._highest = 0
        self._changed = False
        self._open()

    @property
    def sequence(self) -> int:
        """The highest change number in what is durable; newer changes are the caller's to replay."""
        return self._manifest.sequence

    def upsert(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        """Add vectors to the tail; a number that is there is replaced, and of equal numbers the last counts."""
        numbers, vectors = checked_rows(self.space, numbers, vectors)
        if not len(numbers):
            return
        for segment in self._segments:
            segment.remove(numbers)
        self._tail = self._tail.append(numbers, vectors)
        self._highest = max(self._highest, int(numbers[-1]))
        self._changed = True

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Remove numbers; returns how many were there."""
        removed = sum(rows.remove(np.unique(numbers)) for rows in (*self._segments, self._tail))
        self._changed = self._changed or removed > 0
        return removed

    def search(self, queries: NDArray[Any], *, k: int, within: float | None = None) -> list[list[Hit]]:
        """For each query the at most ``k`` nearest hits, nearest first, ties by number, at most ``within`` away."""
        queries = checked_vectors(self.space, queries)
        found = [rows.search(queries, k, within) for rows in (*self._segments, self._tail)]
        return [sorted(chain.from_iterable(hits), key=nearness)[: max(0, k)] for hits in zip(*found, strict=True)]

    def __len__(self) -> int:
        return sum(len(rows) for rows in (*self._segments, self._tail))

    def flush(self, sequence: int | None = None) -> None:
        """Write the tail and what was removed as a new segment, and swap the manifest.

        When another process has written as much in the meantime, its state is taken instead.

        Args:
            sequence: the highest change number that was replayed; without it the highest number that was added.
        """
        sequence = max(self.sequence, self._highest) if sequence is None else sequence
        if not self._changed and sequence == self.sequence:
            return
        with writer(self._folder):
            present = read_manifest(self._folder, self.space.id)
            overtaken = present.generation != self._manifest.generation
            if not (overtaken and present.sequence >= sequence):
                self._write(
                    present, sequence, 0 if overtaken else kept(self._segments, self._tail, most_rows(self.space))
                )
        self._open()

    def reopen(self) -> bool:
        """Take what another process has written since, dropping the tail; returns whether there was anything new."""
        if read_manifest(self._folder, self.space.id).generation == self._manifest.generation:
            return False
        self._open()
        return True

    def _open(self) -> None:
        self._manifest, self._segments = opened_whole(
            self._folder, self.space, lambda manifest: opened(self._folder, self.space, manifest)
        )
        self._tail = _no_rows(self.space)
        self._highest = self._manifest.sequence
        self._changed = False

    def _write(self, present: Manifest, sequence: int, keep: int) -> None:
        generation = max(present.generation, self._manifest.generation) + 1
        entries = []
        for entry, rows in zip(self._manifest.segments[:keep], self._segments[:keep], strict=True):
            gone = None
            if rows.gone.any():
                gone = f"gone-{generation:08d}-{entry.name}.npy"
                np.save(self._folder / gone, np.flatnonzero(rows.gone), allow_pickle=False)
            entries.append(SegmentEntry(entry.name, gone))
        merged = [rows.live() for rows in (*self._segments[keep:], self._tail)]
        entries += write_segments(self._folder, self.space, generation, [joined(self.space, merged)])
        publish(self._folder, Manifest(self.space.id, generation, sequence, tuple(entries)), keep=present.files)


def opened_whole(folder: Path, space: Space, read: Callable[[Manifest], list[R]]) -> tuple[Manifest, list[R]]:
    """What is durable in a folder, and its segments; raises ``IntegrityError`` when it is damaged."""
    for last in range(TRIES - 1, -1, -1):
        manifest = read_manifest(folder, space.id)
        try:
            return manifest, read(manifest)
        except FileNotFoundError as error:  # swapped and cleaned up between the two reads
            if not last:
                raise IntegrityError(f"A file of the index {space.id} has gone.", hint=HINT) from error
    raise AssertionError


def kept(segments: Sequence[Sized], tail: Sized, most: int) -> int:
    """How many of the oldest segments are left as they are; smaller ones after them become one with the tail."""
    count, size = len(segments), len(tail)
    while count and len(segments[count - 1]) <= min(GROWTH * size, most - size):
        count -= 1
        size += len(segments[count])
    return count


def _no_rows(space: Space) -> Tail:
    return Tail.of(space, np.zeros(0, np.int64), empty_vectors(space))
