from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exhibit.types import Metric, Space
from indexer.vectors.faiss_index import FaissIndex
from tests.assets.brute_force import BruteForceIndex
from tests.assets.indexes import BITS


@pytest.mark.parametrize("space", [BITS, Space("wide", "1", Metric.COSINE, 256)], ids=lambda space: space.name)
def test_a_row_has_one_distance_in_whatever_order_and_company(space: Space, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    if space.metric is Metric.HAMMING:
        rows: NDArray[Any] = random.integers(0, 256, (120, 8), np.uint8)
    else:
        rows = random.normal(size=(120, 256)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows[40:70] = rows[40]  # so many alike that chance would decide which are named
    wanted = None
    for order in (np.arange(120), np.arange(120)[::-1], random.permutation(120)):
        for pieces in (1, 3, 17):
            whole = BruteForceIndex(space), FaissIndex(space, tmp_path / f"{order[0]}-{order[1]}-{pieces}")
            for index in whole:
                for part in np.array_split(order, pieces):
                    index.upsert(part + 1, rows[part])
                    index.flush()
                for queries in (rows[38:42], np.tile(rows[38:42], (9, 1))):
                    found = index.search(queries, k=7)[:4]
                    wanted = wanted or found
                    assert found == wanted
