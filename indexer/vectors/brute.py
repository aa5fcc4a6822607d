"""The brute-force index: the reference that every other adapter is measured by."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import WrongUseError
from exhibit.types import Hit, Metric, Space

AT_ONCE = 1 << 22
"""Distances computed at once."""


class BruteForceIndex:
    """Vectors in memory, compared with every query. Implements ``ports.VectorIndex``."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._vectors = empty_vectors(space)
        self._numbers = np.zeros(0, np.int64)

    def upsert(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        """Add vectors; a number that is there is replaced, and of equal numbers the last counts."""
        numbers, vectors = checked_rows(self.space, numbers, vectors)
        kept = ~np.isin(self._numbers, numbers)
        all_numbers = np.concatenate([self._numbers[kept], numbers])
        order = np.argsort(all_numbers, kind="stable")
        self._numbers = all_numbers[order]
        self._vectors = np.concatenate([self._vectors[kept], vectors])[order]

    def remove(self, numbers: NDArray[np.int64]) -> int:
        """Remove numbers; returns how many were there."""
        gone = np.isin(self._numbers, numbers)
        self._numbers, self._vectors = self._numbers[~gone], self._vectors[~gone]
        return int(gone.sum())

    def without(self, numbers: NDArray[np.int64]) -> Self:
        """What the index would be if these numbers had never come."""
        other = type(self)(self.space)
        kept = ~np.isin(self._numbers, numbers)
        other.upsert(self._numbers[kept], self._vectors[kept])
        return other

    def search(self, queries: NDArray[Any], *, k: int, within: float | None = None) -> list[list[Hit]]:
        """For each query the at most ``k`` nearest hits, nearest first, ties by number, at most ``within`` away."""
        queries = checked_vectors(self.space, queries)
        step = max(1, AT_ONCE // max(1, len(self)))
        return [
            self._hits(row, k, within)
            for start in range(0, len(queries), step)
            for row in _distances(self.space, queries[start : start + step], self._vectors)
        ]

    def _hits(self, distances: NDArray[Any], k: int, within: float | None) -> list[Hit]:
        order = np.argsort(distances, kind="stable")[: max(0, k)]
        if within is not None:
            order = order[distances[order] <= within]
        return [Hit(int(self._numbers[row]), float(distances[row])) for row in order]

    def __len__(self) -> int:
        return len(self._numbers)

    def flush(self) -> None:
        """Nothing is durable here."""


def empty_vectors(space: Space) -> NDArray[Any]:
    """No rows, in the space's shape and type."""
    hamming = space.metric is Metric.HAMMING
    return np.zeros((0, space.width // 8), np.uint8) if hamming else np.zeros((0, space.width), np.float32)


def rows_of(space: Space, vectors: Sequence[bytes]) -> NDArray[Any]:
    """Stored vectors as rows; there may be none."""
    empty = empty_vectors(space)
    return np.frombuffer(b"".join(vectors), empty.dtype).reshape(-1, empty.shape[1])


def checked_vectors(space: Space, vectors: NDArray[Any]) -> NDArray[Any]:
    """The vectors as contiguous rows; raises ``WrongUseError`` when they aren't of the space."""
    empty = empty_vectors(space)
    if vectors.ndim != 2 or vectors.shape[1] != empty.shape[1] or vectors.dtype != empty.dtype:
        raise WrongUseError(f"These vectors aren't of the space {space.id}: {vectors.dtype} {vectors.shape}.")
    return np.ascontiguousarray(vectors)


def checked_rows(
    space: Space, numbers: NDArray[np.int64], vectors: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Rows sorted by number, each number once with its last vector; raises ``WrongUseError`` when lengths differ."""
    vectors = checked_vectors(space, vectors)
    if len(numbers) != len(vectors):
        raise WrongUseError(f"{len(numbers)} numbers came with {len(vectors)} vectors.")
    unique, last = np.unique(np.asarray(numbers, np.int64)[::-1], return_index=True)
    return unique, vectors[::-1][last]


def cosine_distances(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 − cosine to each row, to six digits: the same for a row whatever other rows there are, in whatever order."""
    return np.round(1 - vectors.astype(np.float64) @ query.astype(np.float64), 6)


def _distances(space: Space, queries: NDArray[Any], vectors: NDArray[Any]) -> NDArray[Any]:
    """All distances, shape (queries, vectors)."""
    if space.metric is Metric.COSINE:
        return np.array([cosine_distances(query, vectors) for query in queries]).reshape(len(queries), len(vectors))
    wide_queries, wide_vectors = queries.view(np.uint64), vectors.view(np.uint64)
    result = np.zeros((len(queries), len(vectors)), np.float32)
    for column in range(wide_queries.shape[1]):
        result += np.bitwise_count(wide_queries[:, column, None] ^ wide_vectors[:, column])
    return result
