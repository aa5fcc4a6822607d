"""Rows of a large index in lists, of hashes, or in cells, of descriptors: a search looks where its answer may well lie.

Up to some million hashes or some hundred thousand descriptors an exhaustive scan is fast enough, and all answers exact.
Beyond, hashes are sorted by a key of their most robust bits: two hashes of the same picture differ in few of them. So a
search reads :data:`READ` of the lists, its own key's first, then those whose keys differ where bits flip most easily:
query-directed probing (Lv et al., "Multi-Probe LSH", VLDB 2007) with rates that were measured once for all pictures.
The list is scanned by FAISS for all rows of a query that want it, while it lies in the processor's cache. FAISS's own
inverted file of hashes (``IndexBinaryIVF``) and its multi-probe hash need twice the time for the same answers.

Descriptors lie in the cells of an inverted file (Jégou et al., "Product Quantization for Nearest Neighbor Search",
2011) with one byte a component, a quarter of the room; a descriptor only names candidates, so what that loses is a
candidate now and then.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import faiss as library
import numpy as np
from numpy.typing import NDArray

from exhibit.types import Hit, Metric, Space, Untyped
from indexer.vectors.flat import FlatRows

faiss: Any = library

LISTED_FROM = 2_000_000
"""Rows from which a segment has lists: an exhaustive scan of fewer takes some 15 ms for eight hashes on one core."""
READ = 0.42
"""Share of the lists that a search reads."""
READ_ALL_FROM = 100
"""Whoever wants so many answers a hash, such as a new work that searches everything seen, gets every list read."""
ROWS_A_LIST = 4_000
"""Few enough for a core's second cache, enough that the call for each list costs little."""
FIRST_REACH, NEXT_REACH = 90, 24
"""Bits within which a search without a limit looks at first, and by how many it goes on."""
CELLS_FROM = 50_000
"""Rows from which a segment has cells: an exhaustive scan of fewer takes at most 6 ms a descriptor on one core."""
LOOKED_INTO, LOOKED_INTO_BY_NEW_WORKS = 16, 64
"""Cells that a search looks into; the second for those who want many answers, such as a new work."""
FEWEST, MOST = 64, 2_048
TRAINED_WITH = 40
"""Rows a cell that the cells are found with."""
CELL_ROUNDS = 8
ROBUST = (
    ((1, 0), 0.067),
    ((0, 1), 0.086),
    ((1, 1), 0.142),
    ((2, 2), 0.146),
    ((2, 4), 0.146),
    ((0, 3), 0.149),
    ((1, 2), 0.150),
    ((0, 2), 0.152),
    ((2, 3), 0.155),
    ((3, 2), 0.156),
    ((2, 1), 0.162),
    ((2, 0), 0.162),
)
"""Row and column of a coefficient, and how often its bit flips between a photograph and an edited copy of it.

Segments on disk are sorted by it: whoever changes it raises ``segments.SEGMENT_FORMAT``.

Measured on 3,329 edited copies of 420 photographs whose hashes are 41 to 90 bits from their original: crops, turns by
some degrees, captions, stickers, frames, pictures laid over them, warps, and chains of these.
"""
MAX_BITS = len(ROBUST)
_BYTES = np.array([2 * row + column // 8 for (row, column), _ in ROBUST])
_SHIFTS = np.array([7 - column % 8 for (_, column), _ in ROBUST], np.uint8)


def list_bits(space: Space, rows: int) -> int:
    """How many bits the keys of a segment of so many rows have; 0 when it is scanned as a whole."""
    if space.metric is not Metric.HAMMING or space.width != 256 or rows < LISTED_FROM:
        return 0
    return int(np.clip(round(np.log2(rows / ROWS_A_LIST)), 1, MAX_BITS))


def in_lists(hashes: NDArray[np.uint8], bits: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The order of rows by their keys, uint32, and the borders of the lists, int64, one more than there are lists."""
    of_rows = keys(hashes, bits)
    order = np.argsort(of_rows, kind="stable").astype(np.uint32)
    return order, np.concatenate([[0], np.cumsum(np.bincount(of_rows, minlength=1 << bits))])


def are_borders(borders: Sequence[int], count: int) -> bool:
    """Whether these can be the borders of lists of so many rows; none at all can."""
    if not borders:
        return True
    lists = len(borders) - 1
    ascend = all(begin <= end for begin, end in pairwise(borders))
    return (borders[0], borders[-1]) == (0, count) and ascend and lists.bit_count() == 1


class ListedRows(FlatRows):
    """Numbered hashes of 256 bits in lists by their robust bits, the FAISS index in the order of their keys.

    ``order`` has for each place of the index the place in ``numbers``; ``borders`` are as :func:`in_lists` gives them.
    """

    def __init__(
        self,
        space: Space,
        numbers: NDArray[np.int64],
        index: Untyped,
        order: NDArray[np.uint32],
        borders: NDArray[np.int64],
    ) -> None:
        super().__init__(space, numbers, index)
        self._order = order
        self._borders = borders
        self._bits = len(borders).bit_length() - 1
        self._codes = faiss.rev_swig_ptr(index.xb.data(), index.ntotal * index.code_size).reshape(index.ntotal, -1)

    def live(self) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Numbers and hashes of what isn't gone."""
        hashes = np.empty_like(self._codes)
        hashes[self._order] = self._codes
        return np.asarray(self.numbers)[~self.gone], hashes[~self.gone]

    def search(self, queries: NDArray[Any], k: int, within: float | None) -> list[list[Hit]]:
        """For each query the at most ``k`` nearest in the lists that were read, nearest first, ties by number."""
        wanted = min(k, len(self))
        if wanted <= 0:
            return [[] for _ in queries]
        farthest = self.space.width if within is None else int(within)
        reach = min(farthest, FIRST_REACH)
        while True:
            found = self._within(queries, reach, wanted)
            if reach == farthest or all(len(hits) == wanted for hits in found):
                return found
            reach = min(farthest, reach + NEXT_REACH)

    def _within(self, queries: NDArray[np.uint8], reach: int, k: int) -> list[list[Hit]]:
        """The at most ``k`` nearest of each query, none farther than ``reach``."""
        whose, places, distances = (
            np.concatenate(part) for part in zip(*self._scanned(queries, reach, k), strict=True)
        )
        ranks = self._order[places]
        there = ~self.gone[ranks]
        whose, ranks, distances = whose[there], ranks[there], distances[there]
        order = np.lexsort((ranks, distances, whose))
        numbers, distances = self.numbers[ranks[order]], distances[order]
        ends = np.searchsorted(whose[order], np.arange(len(queries) + 1))
        return [
            [Hit(int(number), float(distance)) for number, distance in zip(numbers[rows], distances[rows], strict=True)]
            for rows in (slice(begin, min(end, begin + k)) for begin, end in pairwise(ends))
        ]

    def _scanned(
        self, queries: NDArray[np.uint8], reach: int, k: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
        """Query, place and distance of everything within reach, list by list."""
        yield np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
        wanted = self._wanted(queries, k)
        for number, (begin, end) in enumerate(pairwise(self._borders.tolist())):
            rows = np.flatnonzero(wanted[:, number])
            if not len(rows) or begin == end:
                continue
            counts, places, distances = _in_reach(queries[rows], self._codes[begin:end], reach)
            if len(places):
                yield np.repeat(rows, counts), places + begin, distances

    def _wanted(self, queries: NDArray[np.uint8], k: int) -> NDArray[np.bool_]:
        """Which lists each query reads, shape (queries, lists)."""
        lists = len(self._borders) - 1
        if k >= READ_ALL_FROM:
            return np.ones((len(queries), lists), np.bool_)
        flips = likeliest_flips(self._bits, max(1, round(READ * lists)))
        wanted = np.zeros((len(queries), lists), np.bool_)
        np.put_along_axis(wanted, keys(queries, self._bits)[:, None] ^ flips, values=True, axis=1)
        return wanted


def _in_reach(
    queries: NDArray[np.uint8], codes: NDArray[np.uint8], reach: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """How many codes are within reach of each query, their places, and their distances."""
    result = faiss.RangeSearchResult(len(queries))
    faiss.hamming_range_search(
        faiss.swig_ptr(queries), faiss.swig_ptr(codes), len(queries), len(codes), reach + 1, codes.shape[1], result
    )
    ends = faiss.rev_swig_ptr(result.lims, len(queries) + 1).astype(np.int64)
    if not ends[-1]:
        return ends[1:], np.zeros(0, np.int64), np.zeros(0, np.float32)
    places = faiss.rev_swig_ptr(result.labels, int(ends[-1])).copy()
    return np.diff(ends), places, faiss.rev_swig_ptr(result.distances, int(ends[-1])).copy()


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


def keys(hashes: NDArray[np.uint8], bits: int) -> NDArray[np.int64]:
    """The keys of packed hashes, uint8, (n, 32), by so many of :data:`ROBUST`: int64 from 0 to 2**bits - 1."""
    found = np.zeros(len(hashes), np.int64)
    for place in range(bits):
        found |= ((hashes[:, _BYTES[place]] >> _SHIFTS[place]) & 1).astype(np.int64) << place
    return found


@cache
def likeliest_flips(bits: int, count: int) -> NDArray[np.int64]:
    """The ``count`` likeliest changes of a key of so many bits, for exclusive or; the likeliest (none) first."""
    rates = np.array([rate for _, rate in ROBUST[:bits]])
    flips = np.arange(1 << bits)
    flipped = (flips[:, None] >> np.arange(bits)) & 1
    return np.argsort(flipped @ np.log((1 - rates) / rates), kind="stable")[:count]
