"""Vectors of a segment or a tail in a FAISS index: flat, or in an inverted file where a segment is large.

The ID of a vector in FAISS is its index among the ascending numbers, so FAISS resolves ties by number.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import faiss as library
import numpy as np
from numpy.typing import NDArray

from exhibit.types import Hit, Metric, Space, Untyped
from indexer.vectors.folder_index import NumberedRows
from indexer.vectors.replayed_index import sort_key
from indexer.vectors.robust_bits import choose_lists, compute_keys, count_key_bits
from indexer.vectors.rows import compute_cosine_distances, create_empty_vectors

faiss: Any = library
faiss.omp_set_num_threads(1)

MIN_HITS_TO_READ_ALL = 100
"""Number of hits from which a search, such as that for a new work, reads all lists of hashes and more cells."""
READ_LISTS_FRACTION = 0.42
"""Fraction of the lists of hashes that searches for fewer hits read."""
HASH_LISTS_FROM = 2_000_000
"""Number of rows from which hashes are stored in lists. A search of fewer rows is exact and takes at most 16 ms for
eight hashes."""
CELLS_FROM = 50_000
"""Number of rows from which descriptors are stored in cells. A search of fewer rows is exact and takes at most 6 ms
each."""
PROBES, PROBES_OF_NEW_WORKS = 16, 64
"""Number of cells that a search reads; the second applies from :data:`MIN_HITS_TO_READ_ALL` hits on."""
MIN_CELLS, MAX_CELLS = 64, 2_048
TRAINING_ROWS_PER_CELL, TRAINING_ROUNDS = 40, 8
SPARE_ROWS, PRODUCT_ERROR = 8, 2e-6
"""Number of additional rows requested from FAISS, and error of its products. Exact products then decide which of nearly
equal rows are nearest."""
_POSITION_BITS = 40


class VectorRows(NumberedRows, ABC):
    """Numbered vectors of one space in a FAISS index."""

    IO_FLAGS: ClassVar[int] = faiss.IO_FLAG_MMAP_IFC
    """Flag with which FAISS maps vectors and lists, so all processes share them."""

    def __init__(self, space: Space, numbers: NDArray[np.int64], index: Untyped) -> None:
        super().__init__(numbers)
        self.space = space
        self.index = index

    @classmethod
    def in_memory(cls, space: Space, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> Self:
        """Create rows in memory from ascending numbers."""
        return cls(space, numbers, cls._flat(space, vectors))

    @property
    def is_flat(self) -> bool:
        """True if every vector is compared, so that the hits are exact."""
        return not hasattr(self.index, "nlist")

    def append(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> Self:
        """Add ascending numbers to rows in memory, replacing existing ones; return all rows."""
        if not len(self.numbers) or numbers[0] > self.numbers[-1]:
            self.index.add(vectors)
            self.numbers = np.concatenate([self.numbers, numbers])
            self.removed = np.concatenate([self.removed, np.zeros(len(numbers), np.bool_)])
            return self
        self.remove(numbers)
        live_numbers, rows = self.live()
        order = np.argsort(all_numbers := np.concatenate([live_numbers, numbers]), kind="stable")
        return self.in_memory(self.space, all_numbers[order], np.concatenate([rows, vectors])[order])

    def live(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return numbers and vectors of all remaining rows; vectors from cells are approximate."""
        vectors = (
            self.index.reconstruct_n(0, len(self.numbers)) if len(self.numbers) else create_empty_vectors(self.space)
        )
        return self.live_numbers, vectors[~self.removed]

    def search(self, queries: NDArray[Any], k: int, within: float | None) -> list[list[Hit]]:
        """Return at most ``k`` nearest hits for each query, nearest first, ties by number, at most ``within`` away."""
        count = min(k, len(self))
        return self._search(queries, count, within) if count > 0 and len(queries) else [[] for _ in queries]

    @classmethod
    @abstractmethod
    def write(cls, path: Path, space: Space, vectors: NDArray[Any]) -> None:
        """Write vectors in FAISS's format, in lists or cells if there are many."""

    @classmethod
    @abstractmethod
    def map_file(cls, path: Path) -> Untyped:
        """Map the FAISS index in a file; raises ``RuntimeError`` if it is damaged."""

    @classmethod
    @abstractmethod
    def _flat(cls, space: Space, vectors: NDArray[Any]) -> Untyped:
        """Create a flat FAISS index in memory."""

    @abstractmethod
    def _search(self, queries: NDArray[Any], k: int, within: float | None) -> list[list[Hit]]:
        """Search at least one row for at least one query."""


class HashRows(VectorRows):
    """Hashes, searched by radius: twice as fast in FAISS as a search for the nearest ones."""

    @classmethod
    def write(cls, path: Path, space: Space, vectors: NDArray[Any]) -> None:
        """Write hashes; from :data:`HASH_LISTS_FROM` on in lists by their robust bits."""
        index = cls._flat(space, vectors)
        if space.width == 256 and len(vectors) >= HASH_LISTS_FROM:
            bits = count_key_bits(len(vectors))
            centres = cls._flat(space, np.zeros((1 << bits, 32), np.uint8))  # unused: the keys are the list numbers
            index = faiss.IndexBinaryIVF(centres, space.width, 1 << bits)
            index.own_fields, index.is_trained = False, True
            lists = compute_keys(vectors, bits)
            index.add_core(len(vectors), faiss.swig_ptr(vectors), None, faiss.swig_ptr(lists))
        faiss.write_index_binary(index, str(path))

    @classmethod
    def map_file(cls, path: Path) -> Untyped:
        """Map hashes."""
        return faiss.read_index_binary(str(path), cls.IO_FLAGS)

    @classmethod
    def _flat(cls, space: Space, vectors: NDArray[Any]) -> Untyped:
        index = faiss.IndexBinaryFlat(space.width)
        index.add(vectors)
        return index

    def _search(self, queries: NDArray[Any], k: int, within: float | None) -> list[list[Hit]]:
        radius = 1 + (self.space.width if within is None else int(within))
        if self.is_flat:
            ends, distances, positions = self.index.range_search(queries, radius)
        else:
            ends, distances, positions = self._scan_lists(
                queries, radius, READ_LISTS_FRACTION if k < MIN_HITS_TO_READ_ALL else 1
            )
        slices = map(slice, ends[:-1].tolist(), ends[1:].tolist())
        return [self._select_nearest(distances[part], positions[part], k) for part in slices]

    def _scan_lists(
        self, queries: NDArray[np.uint8], radius: int, fraction: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        """Search a fraction of the lists; return the bounds of each query's hits, their distances and positions.

        For many queries, FAISS's own search takes twice the time, because it reads the lists query by query. Here a
        list stays in the processor's cache for all queries that read it.
        """
        lists, count = self.index.invlists, self.index.nlist
        is_read = np.zeros((len(queries), count), np.bool_)
        likely_lists = choose_lists(queries, count.bit_length() - 1, fraction)
        np.put_along_axis(is_read, likely_lists, values=True, axis=1)
        results = [(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.int64))]
        for number in range(count):
            rows, size = np.flatnonzero(is_read[:, number]), lists.list_size(number)
            if not len(rows) or not size:
                continue
            subset, result = queries[rows], faiss.RangeSearchResult(len(rows))
            codes = lists.get_codes(number)
            faiss.hamming_range_search(
                faiss.swig_ptr(subset), codes, len(rows), size, radius, self.index.code_size, result
            )
            ends = faiss.rev_swig_ptr(result.lims, len(rows) + 1).astype(np.int64)
            if hits := int(ends[-1]):
                positions = faiss.rev_swig_ptr(lists.get_ids(number), size)[faiss.rev_swig_ptr(result.labels, hits)]
                distances = faiss.rev_swig_ptr(result.distances, hits).copy()
                results.append((np.repeat(rows, np.diff(ends)), distances, positions))
        query_rows, distances, positions = map(np.concatenate, zip(*results, strict=True))
        order = np.argsort(query_rows, kind="stable")
        return np.searchsorted(query_rows[order], np.arange(len(queries) + 1)), distances[order], positions[order]

    def _select_nearest(self, distances: NDArray[np.float32], positions: NDArray[np.int64], k: int) -> list[Hit]:
        if self._removed_count:
            is_present = ~self.removed[positions]
            distances, positions = distances[is_present], positions[is_present]
        order = distances.astype(np.int64) << _POSITION_BITS | positions
        if len(order) > k:
            order = np.partition(order, k - 1)[:k]
        order.sort()
        numbers = self.numbers[order & ((1 << _POSITION_BITS) - 1)].tolist()
        return list(map(Hit, numbers, (order >> _POSITION_BITS).astype(np.float64).tolist()))


class DescriptorRows(VectorRows):
    """Descriptors of unit length, compared by inner product. Large segments have cells, with one byte per component.

    Jégou et al., "Product Quantization for Nearest Neighbor Search", 2011. A descriptor only finds candidates, so the
    occasional loss of a candidate is acceptable.
    """

    @classmethod
    def write(cls, path: Path, space: Space, vectors: NDArray[Any]) -> None:
        """Write descriptors; from :data:`CELLS_FROM` on in cells. Equal rows give an equal file."""
        index = cls._flat(space, vectors)
        if cells := choose_cell_count(len(vectors)):
            kind, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
            centres = faiss.IndexFlatIP(space.width)
            index = faiss.IndexIVFScalarQuantizer(centres, space.width, cells, kind, metric)
            index.cp.niter = TRAINING_ROUNDS
            index.train(vectors[:: max(1, len(vectors) // (TRAINING_ROWS_PER_CELL * cells))])
            index.add(vectors)
        faiss.write_index(index, str(path))

    @classmethod
    def map_file(cls, path: Path) -> Untyped:
        """Map descriptors."""
        return faiss.read_index(str(path), cls.IO_FLAGS)

    @classmethod
    def _flat(cls, space: Space, vectors: NDArray[Any]) -> Untyped:
        index = faiss.IndexFlatIP(space.width)
        index.add(vectors)
        return index

    def _search(self, queries: NDArray[Any], k: int, within: float | None) -> list[list[Hit]]:
        parameters = self._build_parameters(k)
        count = min(len(self), k + SPARE_ROWS) if self.is_flat else k
        while True:
            scores, positions = self.index.search(queries, count, params=parameters)
            results = [self._to_hits(*row, within) for row in zip(queries, scores, positions, strict=True)]
            complete_results = (
                len(hits) < count or hits[-1].distance > hits[k - 1].distance + PRODUCT_ERROR for hits in results
            )
            if not self.is_flat or count == len(self) or all(complete_results):
                return [hits[:k] for hits in results]
            count = min(len(self), 4 * count)

    def _build_parameters(self, k: int) -> Untyped:
        """Build FAISS's search parameters: the removed rows, and the number of cells to read."""
        options: dict[str, Untyped] = {}
        if not self.is_flat:
            options["nprobe"] = PROBES if k < MIN_HITS_TO_READ_ALL else PROBES_OF_NEW_WORKS
        if self._removed_count:
            options["sel"] = faiss.IDSelectorNot(faiss.IDSelectorBatch(np.flatnonzero(self.removed)))
        return (faiss.SearchParameters if self.is_flat else faiss.SearchParametersIVF)(**options)

    def _to_hits(
        self, query: NDArray[Any], scores: NDArray[Any], positions: NDArray[np.int64], within: float | None
    ) -> list[Hit]:
        positions, scores = positions[positions >= 0], scores[positions >= 0]
        if self.is_flat:  # FAISS's product for a row depends on the other rows in the batch
            distances = compute_cosine_distances(query, self.index.reconstruct_batch(positions))
        else:
            distances = np.round(1 - scores, 6)
        is_near_enough = distances <= (np.inf if within is None else within)
        numbers = self.numbers[positions[is_near_enough]].tolist()
        return sorted(map(Hit, numbers, distances[is_near_enough].tolist()), key=sort_key)


def choose_cell_count(rows: int) -> int:
    """Choose the number of cells of a segment with this many descriptors; 0 for a flat one."""
    if rows < CELLS_FROM:
        return 0
    return int(np.clip(1 << round(np.log2(2 * np.sqrt(rows))), MIN_CELLS, MAX_CELLS))


def get_rows_class(space: Space) -> type[VectorRows]:
    """Return the class of rows for a space."""
    return HashRows if space.metric is Metric.HAMMING else DescriptorRows


def create_empty_rows(space: Space) -> VectorRows:
    """Create empty rows in memory."""
    return get_rows_class(space).in_memory(space, np.zeros(0, np.int64), create_empty_vectors(space))
