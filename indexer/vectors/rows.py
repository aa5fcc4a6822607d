"""Vectors of a space as arrays, and the distances that all indexes compute in the same way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.errors import InvalidRequestError
from exhibit.types import Metric, Space


def create_empty_vectors(space: Space) -> NDArray[Any]:
    """Create an array without rows, in the space's shape and type."""
    hamming = space.metric is Metric.HAMMING
    return np.zeros((0, space.width // 8), np.uint8) if hamming else np.zeros((0, space.width), np.float32)


def to_rows(space: Space, vectors: Sequence[bytes]) -> NDArray[Any]:
    """Convert stored vectors, possibly none, to rows."""
    empty = create_empty_vectors(space)
    return np.frombuffer(b"".join(vectors), empty.dtype).reshape(-1, empty.shape[1])


def decode_vectors(space: Space, vectors: Sequence[bytes]) -> Any:  # noqa: ANN401 - as the space has them
    """Convert stored vectors to the form an index of the space takes: an array; for votes, a list of descriptors."""
    if space.metric is Metric.VOTES:
        return [np.frombuffer(vector_bytes, np.uint8).reshape(-1, space.width) for vector_bytes in vectors]
    return to_rows(space, vectors)


def validate_vectors(space: Space, vectors: NDArray[Any]) -> NDArray[Any]:
    """Return the vectors as contiguous rows.

    Raises:
        InvalidRequestError: The vectors do not belong to the space.
    """
    empty = create_empty_vectors(space)
    if vectors.ndim != 2 or vectors.shape[1] != empty.shape[1] or vectors.dtype != empty.dtype:
        raise InvalidRequestError(
            f"These vectors do not belong to the space {space.id}: {vectors.dtype} {vectors.shape}."
        )
    return np.ascontiguousarray(vectors)


def validate_rows(
    space: Space, numbers: NDArray[np.int64], vectors: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return rows sorted by number, each number once with its last vector.

    Raises:
        InvalidRequestError: The lengths differ.
    """
    vectors = validate_vectors(space, vectors)
    if len(numbers) != len(vectors):
        raise InvalidRequestError(f"{len(numbers)} numbers came with {len(vectors)} vectors.")
    unique, last = np.unique(np.asarray(numbers, np.int64)[::-1], return_index=True)
    return unique, vectors[::-1][last]


def compute_cosine_distances(query: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Compute 1 − cosine to each row, to six digits; the result for a row does not depend on the other rows."""
    return np.round(1 - vectors.astype(np.float64) @ query.astype(np.float64), 6)
