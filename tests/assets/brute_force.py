"""A brute-force index: the reference with which the product's indexes are compared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Hit, Metric, Space
from indexer.vectors.rows import compute_cosine_distances, create_empty_vectors, validate_rows, validate_vectors


class BruteForceIndex:
    """An index that compares every vector in memory with every query. Implements ``ports.VectorIndex``."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._vectors = create_empty_vectors(space)
        self._numbers = np.zeros(0, np.int64)

    def upsert(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        """Add vectors. An existing number is replaced; of equal numbers the last one wins."""
        numbers, vectors = validate_rows(self.space, numbers, vectors)
        is_kept = ~np.isin(self._numbers, numbers)
        all_numbers = np.concatenate([self._numbers[is_kept], numbers])
        order = np.argsort(all_numbers, kind="stable")
        self._numbers = all_numbers[order]
        self._vectors = np.concatenate([self._vectors[is_kept], vectors])[order]

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Remove numbers and return how many existed."""
        is_removed = np.isin(self._numbers, numbers)
        self._numbers, self._vectors = self._numbers[~is_removed], self._vectors[~is_removed]
        return int(is_removed.sum())

    def search(self, queries: NDArray[Any], *, k: int, within: float | None = None) -> list[list[Hit]]:
        """Return up to ``k`` hits for each query, at most ``within`` away: nearest first, ties by number."""
        queries = validate_vectors(self.space, queries)
        return [self._hits(row, k, within) for row in _distances(self.space, queries, self._vectors)]

    def _hits(self, distances: NDArray[Any], k: int, max_distance: float | None) -> list[Hit]:
        order = np.argsort(distances, kind="stable")[: max(0, k)]
        if max_distance is not None:
            order = order[distances[order] <= max_distance]
        return [Hit(int(self._numbers[row]), float(distances[row])) for row in order]

    def __len__(self) -> int:
        return len(self._numbers)


def _distances(space: Space, queries: NDArray[Any], vectors: NDArray[Any]) -> NDArray[Any]:
    """Return all distances, shape (queries, vectors)."""
    if space.metric is Metric.COSINE:
        return np.array([compute_cosine_distances(query, vectors) for query in queries]).reshape(
            len(queries), len(vectors)
        )
    wide_queries, wide_vectors = queries.view(np.uint64), vectors.view(np.uint64)
    result = np.zeros((len(queries), len(vectors)), np.float32)
    for column in range(wide_queries.shape[1]):
        result += np.bitwise_count(wide_queries[:, column, None] ^ wide_vectors[:, column])
    return result
