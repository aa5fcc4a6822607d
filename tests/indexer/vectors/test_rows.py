import numpy as np
import pytest

from exhibit.errors import InvalidRequestError
from indexer.vectors.rows import compute_cosine_distances, create_empty_vectors, to_rows, validate_rows
from tests.assets.indexes import BITS, UNITS, numbers, vectors


def test_stored_bytes_become_rows_of_their_space() -> None:
    rows = vectors(UNITS, [1, 2])
    assert (to_rows(UNITS, [row.tobytes() for row in rows]) == rows).all()
    assert to_rows(BITS, []).shape == create_empty_vectors(BITS).shape == (0, 8)


def test_rows_are_sorted_and_unique_with_last_vector() -> None:
    unique, positions = validate_rows(BITS, numbers(5, 1, 5), vectors(BITS, [10, 20, 30]))
    assert unique.tolist() == [1, 5]
    assert (positions == vectors(BITS, [20, 30])).all()
    with pytest.raises(InvalidRequestError, match="2 numbers came with 1"):
        validate_rows(BITS, numbers(1, 2), vectors(BITS, [1]))


def test_cosine_distance_is_independent_of_other_rows() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 16)).astype(np.float32)
    whole = compute_cosine_distances(rows[0], rows)
    assert [compute_cosine_distances(rows[0], rows[place : place + 1])[0] for place in range(50)] == whole.tolist()
