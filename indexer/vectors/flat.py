"""Rows of an index: numbers, ascending, beside a flat FAISS index in the same order, and which of them are gone."""

from pathlib import Path
from typing import Any, Self

import faiss as library
import numpy as np
from numpy.typing import NDArray

from exhibit.types import Hit, Metric, Space, Untyped
from indexer.vectors.folder_index import NumberedRows
from indexer.vectors.rows import cosine_distances, empty_vectors

faiss: Any = library
faiss.omp_set_num_threads(1)

SPARE, NOISE = 8, 2e-6
"""How many more FAISS is asked for, and how far its products may be from the exact ones: which of nearly equal rows are
the nearest is decided by those."""


class FlatRows(NumberedRows):
    """Numbered vectors of one space, searched exactly; numbers ascend, each once, the FAISS index in their order."""

    def __init__(self, space: Space, numbers: NDArray[np.int64], index: Untyped) -> None:
        super().__init__(numbers)
        self.space = space
        self.index = index
        self.told_exactly = space.metric is Metric.HAMMING

    @classmethod
    def of(cls, space: Space, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> Self:
        """Rows in memory, from numbers that ascend."""
        hamming = space.metric is Metric.HAMMING
        index = _counting(faiss.IndexBinaryFlat(space.width)) if hamming else faiss.IndexFlatIP(space.width)
        index.add(vectors)
        return cls(space, numbers, index)

    def live(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Numbers and vectors of what isn't gone."""
        vectors = self.index.reconstruct_n(0, len(self.numbers)) if len(self.numbers) else empty_vectors(self.space)
        return np.asarray(self.numbers)[~self.gone], vectors[~self.gone]

    def search(self, queries: NDArray[Any], k: int, within: float | None) -> list[list[Hit]]:
        """For each query the at most ``k`` nearest, nearest first, ties by number."""
        wanted = min(k, len(self))
        if wanted <= 0:
            return [[] for _ in queries]
        parameters = None
        if self._gone_count:
            parameters = self._selection(faiss.IDSelectorNot(faiss.IDSelectorBatch(self.removed)))
        asked = wanted if self.told_exactly else min(len(self), wanted + SPARE)
        while True:
            scores, places = self.index.search(queries, asked, params=parameters)
            found = [self._hits(*row, within) for row in zip(queries, scores, places, strict=True)]
            farther = (len(hits) < asked or hits[-1].distance > hits[wanted - 1].distance + NOISE for hits in found)
            if self.told_exactly or asked == len(self) or all(farther):
                return [hits[:wanted] for hits in found]
            asked = min(len(self), 4 * asked)

    def _selection(self, selector: Untyped) -> Untyped:
        """FAISS's parameters for a search among those that a selector selects."""
        return faiss.SearchParameters(sel=selector)

    def _distances(self, query: NDArray[Any], scores: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
        """What FAISS's scores mean; its products are measured again, for they depend on what else is asked or there."""
        if self.told_exactly:
            return scores
        return cosine_distances(query, self.index.reconstruct_batch(places))

    def _hits(
        self, query: NDArray[Any], scores: NDArray[Any], places: NDArray[np.int64], within: float | None
    ) -> list[Hit]:
        places, scores = places[places >= 0], scores[places >= 0]
        distances = self._distances(query, scores, places)
        good = np.ones(len(places), np.bool_)
        if within is not None:
            good &= distances <= within
        hits = [
            Hit(int(number), float(distance))
            for number, distance in zip(self.numbers[places[good]], distances[good], strict=True)
        ]
        return sorted(hits, key=nearness)


class Tail(FlatRows):
    """Rows in the memory of one process, which grow; segments are immutable."""

    def append(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> "Tail":
        """These rows and new ones, which replace those of the same number."""
        if not len(self.numbers) or numbers[0] > self.numbers[-1]:
            self.index.add(vectors)
            self.numbers = np.concatenate([self.numbers, numbers])
            self.gone = np.concatenate([self.gone, np.zeros(len(numbers), np.bool_)])
            return self
        self.remove(numbers)
        kept, rows = self.live()
        order = np.argsort(all_numbers := np.concatenate([kept, numbers]), kind="stable")
        return Tail.of(self.space, all_numbers[order], np.concatenate([rows, vectors])[order])


def nearness(hit: Hit) -> tuple[float, int]:
    """The order of hits: nearest first, ties by number."""
    return hit.distance, hit.number


def write_index(index: Untyped, space: Space, path: Path) -> None:
    """Write a flat index in FAISS's own format."""
    (faiss.write_index_binary if space.metric is Metric.HAMMING else faiss.write_index)(index, str(path))


def map_index(space: Space, path: Path) -> Untyped:
    """Map a flat index, shared by all processes that do; raises ``RuntimeError`` when it isn't one."""
    if space.metric is Metric.HAMMING:
        return _counting(faiss.read_index_binary(str(path), faiss.IO_FLAG_MMAP_IFC))
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)


def _counting(index: Untyped) -> Untyped:
    """A binary index that finds the nearest by counts of the few distances there are, not by heaps.

    Half the time among ten thousand, two thirds among a hundred thousand, a twentieth more among a million.
    """
    index.use_heap = False
    return index
