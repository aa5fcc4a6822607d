"""Rows of a large descriptor index in cells: a search looks into those that are nearest to what it looks for.

Up to some hundred thousand rows an exhaustive scan is fast enough and exact. Beyond, rows lie in the cells of an
inverted file (Jégou et al., "Product Quantization for Nearest Neighbor Search", 2011) with one byte a component, a
quarter of the room; a descriptor only names candidates, so what that loses is a candidate now and then.
"""

from typing import Any

import faiss as library
import numpy as np
from numpy.typing import NDArray

from exhibit.types import Hit, Metric, Space, Untyped
from indexer.vectors.flat import FlatRows
from indexer.vectors.inverted_lists import READ_ALL_FROM

faiss: Any = library

CELLS_FROM = 100_000
"""Rows from which a segment has cells: an exhaustive scan of fewer takes at most 6 ms a descriptor on one core."""
LOOKED_INTO, LOOKED_INTO_BY_NEW_WORKS = 16, 64
"""Cells that a search looks into; the second for those who want many answers, such as a new work."""
FEWEST, MOST = 64, 2_048
TRAINED_WITH = 40
"""Rows a cell that the cells are found with."""
CELL_ROUNDS = 8


def cell_count(space: Space, rows: int) -> int:
    """How many cells a segment of so many rows has; 0 when it is scanned as a whole."""
    if space.metric is not Metric.COSINE or rows < CELLS_FROM:
        return 0
    return int(np.clip(1 << round(np.log2(2 * np.sqrt(rows))), FEWEST, MOST))


def in_cells(space: Space, vectors: NDArray[np.float32], cells: int) -> Untyped:
    """A FAISS index with these rows in cells, numbered in their order; equal rows give an equal index."""
    nearest = faiss.IndexFlatIP(space.width)
    index = faiss.IndexIVFScalarQuantizer(
        nearest, space.width, cells, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.niter = CELL_ROUNDS
    index.train(vectors[:: max(1, len(vectors) // (TRAINED_WITH * cells))])
    index.add(vectors)
    return index


class CellRows(FlatRows):
    """Numbered descriptors in cells, at one byte a component."""

    def __init__(self, space: Space, numbers: NDArray[np.int64], index: Untyped) -> None:
        super().__init__(space, numbers, index)
        self.told_exactly = True  # as far as a byte a component tells it, whatever else is there

    def _distances(self, query: NDArray[Any], scores: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
        del query, places
        return np.round(1 - scores, 6)

    def live(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Numbers of what isn't gone, and descriptors as far as a byte a component tells them."""
        self.index.make_direct_map()
        return super().live()

    def search(self, queries: NDArray[Any], k: int, within: float | None) -> list[list[Hit]]:
        """For each query the at most ``k`` nearest in the cells that were looked into, nearest first."""
        self.index.nprobe = LOOKED_INTO if k < READ_ALL_FROM else LOOKED_INTO_BY_NEW_WORKS
        return super().search(queries, k, within)

    def _selection(self, selector: Untyped) -> Untyped:
        return faiss.SearchParametersIVF(nprobe=self.index.nprobe, sel=selector)
