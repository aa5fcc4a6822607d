"""The FAISS index: the vectors of one space in a folder, searched exactly, or in lists where there are many."""

from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Hit
from indexer.vectors.flat import FlatRows, Tail, nearness
from indexer.vectors.folder_index import FolderIndex
from indexer.vectors.manifest import Manifest, SegmentEntry
from indexer.vectors.rows import checked_rows, checked_vectors, empty_vectors
from indexer.vectors.segments import joined, most_rows, opened, write_segments


class FaissIndex(FolderIndex[FlatRows]):
    """Vectors of one space in a folder. Implements ``ports.VectorIndex``."""

    _tail: Tail
    _highest: int

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

    def search(self, queries: NDArray[Any], *, k: int, within: float | None = None) -> list[list[Hit]]:
        """For each query the at most ``k`` nearest hits, nearest first, ties by number, at most ``within`` away."""
        queries = checked_vectors(self.space, queries)
        found = [rows.search(queries, k, within) for rows in self._rows]
        return [sorted(chain.from_iterable(hits), key=nearness)[: max(0, k)] for hits in zip(*found, strict=True)]

    def flush(self, sequence: int | None = None) -> None:
        """As :meth:`FolderIndex.flush`; without a sequence the highest number that was added counts."""
        super().flush(max(self.sequence, self._highest) if sequence is None else sequence)

    def _open(self) -> None:
        super()._open()
        self._highest = self._manifest.sequence

    @property
    def _most(self) -> int:
        return most_rows(self.space)

    def _no_rows(self) -> Tail:
        return Tail.of(self.space, np.zeros(0, np.int64), empty_vectors(self.space))

    def _opened(self, manifest: Manifest) -> list[FlatRows]:
        return opened(self._folder, self.space, manifest)

    def _write_rest(self, generation: int, keep: int) -> list[SegmentEntry]:
        merged = [rows.live() for rows in (*self._segments[keep:], self._tail)]
        return write_segments(self._folder, generation, self.space, [joined(self.space, merged)])
