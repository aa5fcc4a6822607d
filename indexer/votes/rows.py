"""Rows of the index of local votes: the descriptors of works in a FAISS inverted file whose lists can be mapped.

FAISS's own file of a fast-scan index cannot be mapped, and would take 5 KB per work in the memory of each process.
Therefore a segment has three files: the codec in FAISS's format, the lists, and the works' numbers as ``.npy``. For
each list, the file of lists has the codes in blocks of 32, as FAISS scans them, then the number of each code's work,
int64, with room for whole blocks; at the end it has the number of codes in each list, int64.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exhibit.types import Untyped
from indexer.picture.local_features import to_unit_rows
from indexer.vectors.folder_index import NumberedRows, save_array
from indexer.votes.codec import CODE_BYTES, create_empty_copy, faiss

CODEC_SUFFIX, LISTS_SUFFIX, NUMBERS_SUFFIX = ".faiss", ".lists", ".npy"
BLOCK_CODES = 32
"""Codes per block."""
PROBES = 6
"""Number of lists searched for each descriptor. Of 352 copies of 40 among 100,000 works, 326 are found with six lists,
and 323 with four; six lists cost a sixth more per picture."""
MIN_LIST_DISTANCE = 4e-6
"""Minimum difference in squared distance between the last list that is searched and the first one that is not: three
times the largest difference between NumPy and FAISS in 103,000 descriptors."""
GRAPH_BREADTH = 8
"""Number of candidate centres in a search of the graph; finds as many copies as 16, in 0.6 of the time."""

_LOW_HALF = np.array([0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15])
"""Codes of a block in FAISS's order; each byte holds a part of one of these and of the sixteenth after it."""

ListCodes = tuple[NDArray[np.int64], NDArray[np.uint8]]
"""Contents of a list: numbers of works, shape (n,), and the codes, uint8, shape (n, 16)."""
ProbedLists = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Squared distances and numbers of the lists to search for each descriptor, shape (n, lists), nearest first."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Content from which a segment is written."""

    codec: Untyped
    numbers: NDArray[np.int64]  # of works, ascending
    lists: Iterable[ListCodes]  # of all lists of the codec, in their order


class VoteRows(NumberedRows):
    """The descriptors of numbered works in a FAISS inverted file; the ID of a descriptor is the number of its work."""

    def __init__(self, numbers: NDArray[np.int64], index: Untyped) -> None:
        super().__init__(numbers)
        self.index = index

    @classmethod
    def in_memory(cls, codec: Untyped) -> Self:
        """Create empty rows in memory."""
        return cls(np.zeros(0, np.int64), create_empty_copy(codec))

    def add(self, numbers: NDArray[np.int64], sets: Sequence[NDArray[np.uint8]]) -> None:
        """Add works, with the descriptors of each, to rows in memory; their numbers must not exist."""
        sizes = [len(descriptors) for descriptors in sets]
        if sum(sizes):
            self.index.add_with_ids(to_unit_rows(np.concatenate(sets)), np.repeat(numbers, sizes))
        all_numbers = np.concatenate([self.numbers, numbers])
        order = np.argsort(all_numbers, kind="stable")
        self.numbers = all_numbers[order]
        self.removed = np.concatenate([self.removed, np.zeros(len(numbers), np.bool_)])[order]

    def exclude(self, numbers: NDArray[np.int64]) -> Self:
        """Return the same descriptors with these works removed as well."""
        other = type(self)(self.numbers, self.index)
        other.remove(np.concatenate([self.removed_numbers, numbers]))
        return other

    def search(
        self, queries: NDArray[np.float32], probed_lists: ProbedLists, k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return squared distances and numbers of the nearest descriptors in probed lists, -1 where there are no more.

        All descriptors nearer than the last one are included; the order of equally distant ones at the end is
        undefined.
        """
        selector = None
        if self.removed.any():
            selector = faiss.IDSelectorNot(faiss.IDSelectorBatch(self.removed_numbers))
        parameters = faiss.SearchParametersIVF(nprobe=probed_lists[1].shape[1], sel=selector)
        distances, numbers = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        rows = np.ascontiguousarray(queries)  # referenced here because FAISS only receives its address
        arrays, store_pairs = map(faiss.swig_ptr, (probed_lists[1], probed_lists[0], distances, numbers)), False
        self.index.search_preassigned_c(len(rows), faiss.swig_ptr(rows), k, *arrays, store_pairs, parameters)
        return distances, numbers

    def codes(self, number: int) -> ListCodes:
        """Return the contents of a list, without the works that were removed."""
        lists = self.index.invlists
        size = lists.list_size(number)
        if not size:
            return np.zeros(0, np.int64), np.zeros((0, CODE_BYTES), np.uint8)
        numbers = faiss.rev_swig_ptr(lists.get_ids(number), size)
        codes = unpack_codes(faiss.rev_swig_ptr(lists.get_codes(number), _compute_padded_size(size) * CODE_BYTES))[
            :size
        ]
        if not self.removed.any():
            return numbers, codes
        is_present = ~self.removed[np.searchsorted(self.numbers, numbers)]
        return numbers[is_present], codes[is_present]

    def counts(self) -> Iterator[tuple[int, int]]:
        """Yield (number, descriptors) of each work that was not removed, as in the lists."""
        lists = self.index.invlists
        sizes = [lists.list_size(number) for number in range(self.index.nlist)]
        ids = [faiss.rev_swig_ptr(lists.get_ids(number), size) for number, size in enumerate(sizes) if size]
        numbers, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *ids]), return_counts=True)
        by_number = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        return ((number, by_number.get(number, 0)) for number in self.live_numbers.tolist())

    def compact(self) -> Self:
        """Return rows in memory without the removed works: FAISS corrupts lists that it adds to after removals."""
        if not self.removed.any():
            return self
        index = create_empty_copy(self.index)
        for number in range(index.nlist):
            ids, codes = self.codes(number)
            if len(ids):
                blocks = pack_codes(codes)  # referenced here because FAISS only receives its address
                index.invlists.add_entries(number, len(ids), faiss.swig_ptr(ids), faiss.swig_ptr(blocks))
                index.ntotal += len(ids)
        return type(self)(self.live_numbers, index)


def find_nearest_lists(codec: Untyped, queries: NDArray[np.float32]) -> ProbedLists:
    """Find the lists to search for the neighbours of descriptors of unit length, float32 (n, 128).

    The result equals that of FAISS. NumPy multiplies matrices in a fifth of FAISS's time, but rounds differently, so
    FAISS is used if two lists are too close.
    """
    centres = faiss.downcast_index(codec.quantizer)
    if isinstance(centres, faiss.IndexFlatL2):
        rows = faiss.rev_swig_ptr(centres.get_xb(), centres.ntotal * centres.d).reshape(centres.ntotal, centres.d)
        list_distances = queries @ (-2 * rows.T) + np.einsum("nd,nd->n", rows, rows)
        query_rows, nearest = np.arange(len(queries)), []
        distances = np.empty((len(queries), PROBES), np.float32)
        for list_index in range(PROBES):
            nearest.append(list_distances.argmin(axis=1))
            distances[:, list_index] = list_distances[query_rows, nearest[-1]]
            list_distances[query_rows, nearest[-1]] = np.inf
        if (list_distances.min(axis=1) - distances[:, -1] > MIN_LIST_DISTANCE).all():
            return distances, np.stack(nearest, axis=1).astype(np.int64)
    parameters = (
        faiss.SearchParametersHNSW(efSearch=GRAPH_BREADTH) if isinstance(centres, faiss.IndexHNSWFlat) else None
    )
    distances, numbers = centres.search(queries, PROBES, params=parameters)
    return distances, numbers


def merge_rows(parts: Sequence[VoteRows]) -> Contents:
    """Merge rows into the content of one segment, list by list."""
    numbers = np.sort(np.concatenate([rows.live_numbers for rows in parts]))
    codes_by_list = (
        zip(*(rows.codes(number) for rows in parts), strict=True) for number in range(parts[0].index.nlist)
    )
    lists = ((np.concatenate(ids), np.concatenate(codes)) for ids, codes in codes_by_list)
    return Contents(parts[0].index, numbers, lists)


def write_rows(stem: Path, content: Contents) -> None:
    """Write the files of a segment."""
    faiss.write_index(create_empty_copy(content.codec), str(stem.with_suffix(CODEC_SUFFIX)))
    sizes = []
    with stem.with_suffix(LISTS_SUFFIX).open("wb") as file:
        for ids, codes in content.lists:
            sizes.append(len(ids))
            if len(ids):
                file.write(pack_codes(codes).tobytes())
                file.write(np.pad(ids, (0, -len(ids) % BLOCK_CODES)).tobytes())
        file.write(np.array(sizes, np.int64).tobytes())
    save_array(stem.with_suffix(NUMBERS_SUFFIX), content.numbers)


def map_rows(stem: Path) -> VoteRows:
    """Map the files of a segment.

    Raises:
        ValueError: A file is damaged.
        EOFError: A file is damaged.
        RuntimeError: A file is damaged.
    """
    numbers = np.load(stem.with_suffix(NUMBERS_SUFFIX), allow_pickle=False)
    index = faiss.read_index(str(stem.with_suffix(CODEC_SUFFIX)), faiss.IO_FLAG_MMAP_IFC)
    _map_lists(index, stem.with_suffix(LISTS_SUFFIX))
    return VoteRows(numbers, index)


def pack_codes(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pack codes, uint8, shape (n, 16), in blocks as FAISS scans them, uint8, shape (blocks, 512), zero-padded."""
    padded_codes = np.pad(codes, ((0, -len(codes) % BLOCK_CODES), (0, 0)))
    columns = padded_codes.reshape(-1, BLOCK_CODES, CODE_BYTES).transpose(0, 2, 1)
    low_codes, high_codes = columns[..., _LOW_HALF], columns[..., _LOW_HALF + BLOCK_CODES // 2]
    halves = np.concatenate([(low_codes & 15) | (high_codes << 4), (low_codes >> 4) | (high_codes & 240)], axis=2)
    return halves.reshape(-1, BLOCK_CODES * CODE_BYTES)


def unpack_codes(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Unpack the codes of blocks, including the zeros from padding; the inverse of :func:`pack_codes`."""
    halves = blocks.reshape(-1, CODE_BYTES, 2, BLOCK_CODES // 2)
    first_codes, second_codes = halves[:, :, 0], halves[:, :, 1]
    columns = np.empty((len(halves), CODE_BYTES, BLOCK_CODES), np.uint8)
    columns[..., _LOW_HALF] = (first_codes & 15) | (second_codes << 4)
    columns[..., _LOW_HALF + BLOCK_CODES // 2] = (first_codes >> 4) | (second_codes & 240)
    return columns.transpose(0, 2, 1).reshape(-1, CODE_BYTES)


def _compute_padded_size(size: Untyped) -> Untyped:
    """Compute the capacity, in codes, of the blocks of lists of these sizes, given as a number or an array."""
    return -(-size // BLOCK_CODES) * BLOCK_CODES


def _map_lists(index: Untyped, path: Path) -> None:
    """Map the lists of a file into an empty index.

    Raises:
        ValueError: The length of the file differs from that of the lists.
    """
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - index.nlist * np.dtype(np.int64).itemsize))
        sizes = np.fromfile(file, np.int64, index.nlist)
    padded_sizes = _compute_padded_size(sizes)
    bytes_each = padded_sizes * (CODE_BYTES + sizes.itemsize)
    is_consistent = len(sizes) == index.nlist and 0 <= sizes.min() <= sizes.max() <= length
    if not is_consistent or bytes_each.sum() + sizes.nbytes != length:
        raise ValueError(path.name)
    table = np.stack([sizes, padded_sizes, np.cumsum(bytes_each) - bytes_each], axis=1)
    lists = faiss.OnDiskInvertedLists(index.nlist, CODE_BYTES, str(path))
    lists.read_only, lists.totsize, lists.prefetch_nthread = True, length, 0
    faiss.memcpy(lists.lists.data(), faiss.swig_ptr(table), table.nbytes)
    lists.do_mmap()
    index.replace_invlists(lists, own=True)
    lists.this.disown()
    index.ntotal = int(sizes.sum())
