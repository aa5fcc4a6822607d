"""Index whose newest entries are replayed from the database into the memory of each process.

A process opens the durable state, replays newer changes from the database into its tail by ``upsert`` and ``remove``,
and searches both. From time to time one process makes its tail durable; the others notice this in
:meth:`ReplayedIndex.reopen`, drop their tails, and replay the changes after :attr:`ReplayedIndex.sequence`. The durable
state is a cache: it can be rebuilt from the database at any time.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Hit, Space
from indexer.vectors.rows import validate_rows, validate_vectors


class DurableState(Protocol):
    """Durable state of an index, such as a manifest."""

    @property
    def sequence(self) -> int:
        """Highest change number that it contains."""


D = TypeVar("D", bound=DurableState)


@dataclass(slots=True)
class OpenIndex(Generic[D]):
    """Opened state of an index in a process; segments and tail contain numbered entries that can be removed."""

    durable_state: D
    segments: list[Any]
    tail: Any
    is_changed: bool = False  # whether a flush has something to write

    @property
    def parts(self) -> Sequence[Any]:
        """All entries, oldest first."""
        return *self.segments, self.tail


class ReplayedIndex(ABC, Generic[D]):
    """Index of the entries of one space: durable segments and a tail. The durable state is opened on first use."""

    space: Space

    @property
    def sequence(self) -> int:
        """Highest durable change number; the caller replays newer changes."""
        return self._opened.durable_state.sequence

    def __len__(self) -> int:
        return sum(map(len, self._opened.parts))

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Remove numbers; return the number of those that were present."""
        opened = self._opened
        count: int = sum(rows.remove(np.unique(numbers)) for rows in opened.parts)
        opened.is_changed = opened.is_changed or count > 0
        return count

    def flush(self, sequence: int | None = None) -> None:
        """Make the tail and the removals durable.

        If another process has written in the meantime, its state is opened instead; changes after :attr:`sequence` are
        then replayed from the database.

        Args:
            sequence: Highest change number that was replayed; by default the highest number that was added.
        """
        opened = self._opened
        if sequence is None:
            sequence = max(self.sequence, *opened.tail.numbers[-1:].tolist(), 0)
        if opened.is_changed or sequence != self.sequence:
            self._make_durable(sequence)
            self._opened = self._open()

    def reopen(self) -> bool:
        """Open the state that another process has written and drop the tail; return True if there was a new state."""
        if "_opened" in self.__dict__ and self._load_state() == self._opened.durable_state:
            return False
        self._opened = self._open()
        return True

    @cached_property
    def _opened(self) -> OpenIndex[D]:
        return self._open()

    def _close(self) -> None:
        self.__dict__.pop("_opened", None)

    @abstractmethod
    def _load_state(self) -> D:
        """Return the current durable state."""

    @abstractmethod
    def _open(self) -> OpenIndex[D]:
        """Open the current durable state, with an empty tail."""

    @abstractmethod
    def _make_durable(self, sequence: int) -> None:
        """Write the replayed changes, unless the durable state is no longer the one that was opened."""


class ReplayedVectors(ReplayedIndex[D]):
    """Index of the vectors of one space. Implements ``ports.VectorIndex``."""

    def upsert(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        """Add vectors to the tail; existing numbers are replaced, and of equal numbers the last one counts."""
        numbers, vectors = validate_rows(self.space, numbers, vectors)
        if not len(numbers):
            return
        opened = self._opened
        for segment in opened.segments:
            segment.remove(numbers)
        opened.tail = opened.tail.append(numbers, vectors)
        opened.is_changed = True

    def search(self, queries: NDArray[Any], *, k: int, within: float | None = None) -> list[list[Hit]]:
        """Return at most ``k`` nearest hits for each query, nearest first, ties by number, at most ``within`` away."""
        queries = validate_vectors(self.space, queries)
        results = [rows.search(queries, k, within) for rows in self._opened.parts]
        return [sorted(chain.from_iterable(hits), key=sort_key)[: max(0, k)] for hits in zip(*results, strict=True)]


def sort_key(hit: Hit) -> tuple[float, int]:
    """Return the sort key of hits: nearest first, ties by number."""
    return hit.distance, hit.number
