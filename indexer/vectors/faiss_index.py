"""The FAISS index: the vectors of one space in a folder."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Space
from indexer.vectors.faiss_rows import VectorRows, empty_rows, rows_class
from indexer.vectors.folder_index import FolderIndex, save_array
from indexer.vectors.manifest import Manifest
from indexer.vectors.replayed_index import ReplayedVectors
from indexer.vectors.rows import empty_vectors, validate_rows

VECTORS, NUMBERS = ".faiss", ".npy"
MAX_ROWS = 10_000_000
MAX_SEGMENT_BYTES = 1 << 30
Batch = tuple[NDArray[np.int64], NDArray[Any]]
"""Numbers and their vectors."""


class FaissIndex(ReplayedVectors[Manifest], FolderIndex[VectorRows, Batch]):
    """Vectors of one space in a folder. Implements ``ports.StoredIndex`` and ``ports.VectorIndex``."""

    @property
    def _max_rows(self) -> int:
        return max_rows(self.space)

    def _empty(self, segments: list[VectorRows]) -> VectorRows:
        del segments
        return empty_rows(self.space)

    def _map(self, stem: Path) -> VectorRows:
        kind = rows_class(self.space)
        numbers = np.load(stem.with_suffix(NUMBERS), mmap_mode="r", allow_pickle=False)
        rows = kind(self.space, numbers, kind.map_file(stem.with_suffix(VECTORS)))
        if rows.index.ntotal != len(numbers) or rows.index.d != self.space.width:
            raise ValueError(stem.name)
        return rows

    def _merge(self, parts: Sequence[VectorRows]) -> Batch:
        return self._join(rows.live() for rows in parts)

    def _split(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        size = self._max_rows
        pending = self._join([])
        for batch in batches:
            pending = self._join([pending, validate_rows(self.space, *batch)])
            while len(pending[0]) >= size:
                yield pending[0][:size], pending[1][:size]
                pending = pending[0][size:], pending[1][size:]
        if len(pending[0]):
            yield pending

    def _join(self, batches: Iterable[Batch]) -> Batch:
        """Return all rows of the batches, sorted by number."""
        parts = [(np.zeros(0, np.int64), empty_vectors(self.space)), *batches]
        numbers, vectors = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(numbers, kind="stable")
        return numbers[order], vectors[order]

    def _write(self, stem: Path, content: Batch) -> int:
        numbers, vectors = content
        rows_class(self.space).write(stem.with_suffix(VECTORS), self.space, vectors)
        save_array(stem.with_suffix(NUMBERS), numbers)
        return len(numbers)


def max_rows(space: Space) -> int:
    """Return the maximum number of rows in one segment."""
    return min(MAX_ROWS, MAX_SEGMENT_BYTES // space.vector_bytes)
