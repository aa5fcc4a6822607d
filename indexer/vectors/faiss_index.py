"""FAISS index of the vectors of one space in a folder."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Space
from indexer.vectors.faiss_rows import VectorRows, create_empty_rows, get_rows_class
from indexer.vectors.folder_index import FolderIndex, save_array
from indexer.vectors.manifest import Manifest
from indexer.vectors.replayed_index import ReplayedVectors
from indexer.vectors.rows import create_empty_vectors, validate_rows

VECTORS_SUFFIX, NUMBERS_SUFFIX = ".faiss", ".npy"
MAX_ROWS = 10_000_000
MAX_SEGMENT_BYTES = 1 << 30
Batch = tuple[NDArray[np.int64], NDArray[Any]]
"""Numbers and their vectors."""


class FaissIndex(ReplayedVectors[Manifest], FolderIndex[VectorRows, Batch]):
    """Vectors of one space in a folder. Implements ``ports.StoredIndex`` and ``ports.VectorIndex``."""

    @property
    def _max_rows(self) -> int:
        return get_max_rows(self.space)

    def _empty(self, segments: list[VectorRows]) -> VectorRows:
        del segments
        return create_empty_rows(self.space)

    def _map(self, stem: Path) -> VectorRows:
        kind = get_rows_class(self.space)
        numbers = np.load(stem.with_suffix(NUMBERS_SUFFIX), mmap_mode="r", allow_pickle=False)
        rows = kind(self.space, numbers, kind.map_file(stem.with_suffix(VECTORS_SUFFIX)))
        if rows.index.ntotal != len(numbers) or rows.index.d != self.space.width:
            raise ValueError(stem.name)
        return rows

    def _merge(self, parts: Sequence[VectorRows]) -> Batch:
        return self._join(rows.live() for rows in parts)

    def _split(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        size = self._max_rows
        pending_batches = self._join([])
        for batch in batches:
            pending_batches = self._join([pending_batches, validate_rows(self.space, *batch)])
            while len(pending_batches[0]) >= size:
                yield pending_batches[0][:size], pending_batches[1][:size]
                pending_batches = pending_batches[0][size:], pending_batches[1][size:]
        if len(pending_batches[0]):
            yield pending_batches

    def _join(self, batches: Iterable[Batch]) -> Batch:
        """Return all rows of the batches, sorted by number."""
        parts = [(np.zeros(0, np.int64), create_empty_vectors(self.space)), *batches]
        numbers, vectors = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(numbers, kind="stable")
        return numbers[order], vectors[order]

    def _write(self, stem: Path, content: Batch) -> int:
        numbers, vectors = content
        get_rows_class(self.space).write(stem.with_suffix(VECTORS_SUFFIX), self.space, vectors)
        save_array(stem.with_suffix(NUMBERS_SUFFIX), numbers)
        return len(numbers)


def get_max_rows(space: Space) -> int:
    """Return the maximum number of rows in one segment."""
    return min(MAX_ROWS, MAX_SEGMENT_BYTES // space.vector_bytes)
