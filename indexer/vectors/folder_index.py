"""An index in a folder: immutable segments that all processes map, and a small tail in the memory of each.

A process opens what is durable, replays the newer changes from the rows into its tail by ``upsert`` and ``remove``, and
searches both. One of them writes its tail down now and then; the others notice with :meth:`FolderIndex.reopen`, drop
their tails, and replay what came after :attr:`FolderIndex.sequence`. The folder is a cache: the rows can make it again.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import IntegrityError
from exhibit.types import Space
from indexer.vectors.manifest import HINT, Manifest, SegmentEntry, publish, read_manifest, writing

TRIES = 5
GROWTH = 4
"""A flush takes older segments into the new one while they are smaller than so many times what it writes."""


class NumberedRows:
    """Rows of a segment or a tail: numbers, int64, ascending, each once, and which of them are gone."""

    def __init__(self, numbers: NDArray[np.int64]) -> None:
        self.numbers = numbers
        self.gone = np.zeros(len(numbers), np.bool_)
        self.changed = False  # whether more is gone than is durable
        self._gone_count = 0

    def __len__(self) -> int:
        return len(self.gone) - self._gone_count

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Mark numbers as gone; returns how many were there."""
        places = np.searchsorted(self.numbers, numbers)
        places = places[places < len(self.numbers)]
        places = np.unique(places[np.isin(self.numbers[places], numbers)])
        there = places[~self.gone[places]]
        self.mark_gone(there)
        self.changed = self.changed or len(there) > 0
        return len(there)

    def mark_gone(self, places: NDArray[np.int64]) -> None:
        """Mark the rows at these places, each once and not gone before, as gone."""
        self.gone[places] = True
        self._gone_count += len(places)

    @property
    def removed(self) -> NDArray[np.int64]:
        """What a segment's file says of the rows that are gone: their places."""
        return np.flatnonzero(self.gone)


R = TypeVar("R", bound=NumberedRows)


class FolderIndex(ABC, Generic[R]):
    """Rows of one space in a folder, which is made on the first flush.

    Raises ``IntegrityError`` when what lies there is damaged or of another space.
    """

    _changed: bool

    def __init__(self, space: Space, folder: Path) -> None:
        self.space = space
        self._folder = folder
        self._open()

    @property
    def sequence(self) -> int:
        """The highest change number in what is durable; newer changes are the caller's to replay."""
        return self._manifest.sequence

    def __len__(self) -> int:
        return sum(map(len, self._rows))

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Remove numbers; returns how many were there."""
        removed = sum(rows.remove(np.unique(numbers)) for rows in self._rows)
        self._changed = self._changed or removed > 0
        return removed

    def flush(self, sequence: int) -> None:
        """Write the tail and what was removed as a new segment, and swap the manifest.

        ``sequence`` is the highest change number that was replayed. When another process has written in the meantime,
        its state is taken instead: the rows have what came after :attr:`sequence`.
        """
        if not self._changed and sequence == self.sequence:
            return
        with writing(self._folder):
            present = read_manifest(self._folder, self.space.id)
            if present.generation == self._manifest.generation:
                generation = present.generation + 1
                entries = self._written(generation, self._kept())
                publish(self._folder, Manifest(self.space.id, generation, sequence, entries), present)
        self._open()

    def reopen(self) -> bool:
        """Take what another process has written since, dropping the tail; returns whether there was anything new."""
        if read_manifest(self._folder, self.space.id).generation == self._manifest.generation:
            return False
        self._open()
        return True

    @property
    def _rows(self) -> tuple[R, ...]:
        return *self._segments, self._tail

    def _open(self) -> None:
        self._manifest, self._segments = self._durable()
        for rows in self._segments:
            rows.changed = False
        self._tail = self._no_rows()
        self._changed = False

    def _durable(self) -> tuple[Manifest, list[R]]:
        for last in range(TRIES - 1, -1, -1):
            manifest = read_manifest(self._folder, self.space.id)
            try:
                return manifest, self._opened(manifest)
            except FileNotFoundError as error:  # swapped and cleaned up between the two reads
                if not last:
                    raise IntegrityError(f"A file of the index {self.space.id} has gone.", hint=HINT) from error
        raise AssertionError

    def _kept(self) -> int:
        """How many of the oldest segments are left as they are; smaller ones after them become one with the tail."""
        count, size = len(self._segments), len(self._tail)
        while count and len(self._segments[count - 1]) <= min(GROWTH * size, self._most - size):
            count -= 1
            size += len(self._segments[count])
        return count

    def _written(self, generation: int, keep: int) -> tuple[SegmentEntry, ...]:
        entries = []
        for entry, rows in zip(self._manifest.segments[:keep], self._segments[:keep], strict=True):
            gone = entry.gone
            if rows.changed:
                gone = f"gone-{generation:08d}-{entry.name}.npy"
                np.save(self._folder / gone, rows.removed, allow_pickle=False)
            entries.append(SegmentEntry(entry.name, gone))
        return *entries, *self._write_rest(generation, keep)

    @property
    @abstractmethod
    def _most(self) -> int:
        """How many rows one segment may hold."""

    @abstractmethod
    def _no_rows(self) -> R:
        """An empty tail."""

    @abstractmethod
    def _opened(self, manifest: Manifest) -> list[R]:
        """The segments of a manifest; raises ``FileNotFoundError`` and ``IntegrityError``."""

    @abstractmethod
    def _write_rest(self, generation: int, keep: int) -> list[SegmentEntry]:
        """Write what lies behind the segments that are kept, and the tail."""


def repeated_numbers(parts: Iterable[NumberedRows]) -> list[str]:
    """The numbers that are there more than once, a sentence each, at most ten."""
    live = [rows.numbers[~rows.gone] for rows in parts]
    numbers, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *live]), return_counts=True)
    return [f"Number {number} is there more than once." for number in numbers[counts > 1][:10]]
