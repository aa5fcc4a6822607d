"""Segments of the index of local votes: immutable files that every process maps.

Four files each: the codec in FAISS's own format, its lists, the works' numbers as ``.npy``, and a header in JSON with
the SHA-256 of the others. Nothing is pickled. Of each list the file of lists has the codes in blocks of 32, as FAISS
scans them, then the number of each code's work, int64, with room for whole blocks; how many codes each list has, int64,
stands at the end.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import Untyped
from indexer.picture.local_features import units_of
from indexer.picture.spaces import ROOTSIFT
from indexer.vectors.folder_index import NumberedRows
from indexer.vectors.manifest import HINT, Manifest, SegmentEntry, segment_name
from indexer.vectors.segments import NUMBERS, checksum_problems
from indexer.votes.codec import CODE_BYTES, codec_digest, empty_like, faiss

VOTES_FORMAT = 2
CODEC, LISTS, HEADER = ".faiss", ".lists", ".json"
BLOCK = 32
"""Codes of one block."""
MAX_WORKS = 100_000
"""In one segment: half a gigabyte."""
PROBES = 6
"""Lists that are looked at for each descriptor. Of 352 copies of 40 among 100,000 works 326 are named so and 323 with
four; a picture costs a sixth more."""
TOO_CLOSE = 4e-6
"""Squared distance by which the first list that isn't looked at has to be farther than the last that is: three times
what NumPy and FAISS differed by in 103,000 descriptors.
"""

GRAPH_BREADTH = 8
"""Centres that a search of the graph keeps in sight: no fewer copies are named than with 16, in .6 of the time."""

_LOW_HALF = np.array([0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15])
"""Codes of a block in FAISS's order; each byte holds a part of one of these and of the sixteenth after it."""

Works = Sequence[tuple[int, NDArray[np.uint8]]]
"""Numbers with the descriptors of each, uint8, shape (n, 128)."""
Codes = tuple[NDArray[np.int64], NDArray[np.uint8]]
"""What a list holds: numbers of works, shape (n,), and the codes, uint8, shape (n, 16)."""
Probed = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Squared distances and numbers of the lists looked at for each descriptor, shape (n, lists), nearest first."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself."""

    format: int
    space: str  # identity of the space
    codec: str  # digest of the codec, hexadecimal; all segments of an index have one codec
    works: int  # how many
    descriptors: int  # how many
    sha256: dict[str, str]  # of each file by its suffix, hexadecimal


class VoteRows(NumberedRows):
    """The descriptors of numbered works, ids of a FAISS inverted file, and which of the works are gone."""

    def __init__(self, numbers: NDArray[np.int64], index: Untyped) -> None:
        super().__init__(numbers)
        self.index = index

    def add(self, works: Works) -> None:
        """Add works whose numbers aren't there; only for rows in memory."""
        sizes = [len(descriptors) for _, descriptors in works]
        numbers = np.array([number for number, _ in works], np.int64)
        if sum(sizes):
            rows = np.concatenate([descriptors for _, descriptors in works])
            self.index.add_with_ids(units_of(rows), np.repeat(numbers, sizes))
        every = np.concatenate([self.numbers, numbers])
        order = np.argsort(every, kind="stable")
        self.numbers = every[order]
        self.gone = np.concatenate([self.gone, np.zeros(len(numbers), np.bool_)])[order]

    @property
    def removed(self) -> NDArray[np.int64]:
        """The numbers that are gone."""
        return self.numbers[self.gone]

    def without(self, numbers: NDArray[np.int64]) -> Self:
        """The same descriptors with these works gone as well."""
        other = type(self)(self.numbers, self.index)
        other.remove(np.concatenate([self.removed, numbers]))
        return other

    def search(
        self, queries: NDArray[np.float32], probed: Probed, k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Squared distances and numbers of the nearest descriptors in probed lists, -1 where there are no more.

        All that are nearer than the last one are among them, in whatever order they came; which of equally far ones are
        the last isn't told.
        """
        selector = None
        if self.gone.any():
            selector = faiss.IDSelectorNot(faiss.IDSelectorBatch(self.removed))
        how = faiss.SearchParametersIVF(nprobe=probed[1].shape[1], sel=selector)
        distances, numbers = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        asked = np.ascontiguousarray(queries)  # and kept, for FAISS is told an address
        given, store_pairs = map(faiss.swig_ptr, (probed[1], probed[0], distances, numbers)), False
        self.index.search_preassigned_c(len(asked), faiss.swig_ptr(asked), k, *given, store_pairs, how)
        return distances, numbers

    def held(self, number: int) -> Codes:
        """What a list holds of the works that aren't gone."""
        lists = self.index.invlists
        size = lists.list_size(number)
        if not size:
            return np.zeros(0, np.int64), np.zeros((0, CODE_BYTES), np.uint8)
        numbers = faiss.rev_swig_ptr(lists.get_ids(number), size)
        codes = unpacked(faiss.rev_swig_ptr(lists.get_codes(number), _room(size) * CODE_BYTES))[:size]
        if not self.gone.any():
            return numbers, codes
        there = ~self.gone[np.searchsorted(self.numbers, numbers)]
        return numbers[there], codes[there]

    def counts(self) -> Iterator[tuple[int, int]]:
        """(number, how many descriptors) of each work that isn't gone, as the lists hold them."""
        lists = self.index.invlists
        sizes = [lists.list_size(number) for number in range(self.index.nlist)]
        held = [faiss.rev_swig_ptr(lists.get_ids(number), size) for number, size in enumerate(sizes) if size]
        numbers, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *held]), return_counts=True)
        there = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        return ((number, there.get(number, 0)) for number in self.numbers[~self.gone].tolist())

    def compact(self) -> None:
        """Take out what is gone; only for rows in memory.

        They are packed anew: what FAISS adds where it has removed something comes out wrong.
        """
        if not self.gone.any():
            return
        index = empty_like(self.index)
        for number in range(index.nlist):
            ids, codes = self.held(number)
            if len(ids):
                blocks = packed(codes)  # and kept, for FAISS is told an address
                index.invlists.add_entries(number, len(ids), faiss.swig_ptr(ids), faiss.swig_ptr(blocks))
                index.ntotal += len(ids)
        self.index, self.numbers = index, self.numbers[~self.gone]
        self.gone = np.zeros(len(self.numbers), np.bool_)
        self._gone_count = 0


def nearest_lists(codec: Untyped, queries: NDArray[np.float32]) -> Probed:
    """The lists in which the neighbours of descriptors of unit length, float32 (n, 128), are looked for.

    What FAISS says, which is asked where two lists are too close to tell: NumPy multiplies matrices in a fifth of its
    time, and rounds otherwise.
    """
    centres = faiss.downcast_index(codec.quantizer)
    if isinstance(centres, faiss.IndexFlatL2):
        rows = faiss.rev_swig_ptr(centres.get_xb(), centres.ntotal * centres.d).reshape(centres.ntotal, centres.d)
        apart = queries @ (-2 * rows.T) + np.einsum("nd,nd->n", rows, rows)
        every, nearest = np.arange(len(queries)), []
        distances = np.empty((len(queries), PROBES), np.float32)
        for place in range(PROBES):
            nearest.append(apart.argmin(axis=1))
            distances[:, place] = apart[every, nearest[-1]]
            apart[every, nearest[-1]] = np.inf
        if (apart.min(axis=1) - distances[:, -1] > TOO_CLOSE).all():
            return distances, np.stack(nearest, axis=1).astype(np.int64)
    how = faiss.SearchParametersHNSW(efSearch=GRAPH_BREADTH) if isinstance(centres, faiss.IndexHNSWFlat) else None
    distances, numbers = centres.search(queries, PROBES, params=how)
    return distances, numbers


def no_rows(codec: Untyped) -> VoteRows:
    """Rows in memory, none yet."""
    return VoteRows(np.zeros(0, np.int64), empty_like(codec))


def merged(parts: Sequence[VoteRows]) -> tuple[NDArray[np.int64], Iterator[Codes]]:
    """The works of several rows that aren't gone, and their lists one after the other."""
    numbers = np.sort(np.concatenate([rows.numbers[~rows.gone] for rows in parts]))
    each = (zip(*(rows.held(number) for rows in parts), strict=True) for number in range(parts[0].index.nlist))
    return numbers, ((np.concatenate(ids), np.concatenate(codes)) for ids, codes in each)


def write_segment(folder: Path, name: str, codec: Untyped, numbers: NDArray[np.int64], lists: Iterable[Codes]) -> None:
    """Write works with these numbers, ascending, and what each list of the codec holds; the header comes last."""
    stem = folder / name
    faiss.write_index(empty_like(codec), str(stem.with_suffix(CODEC)))
    sizes = []
    with stem.with_suffix(LISTS).open("wb") as file:
        for ids, codes in lists:
            sizes.append(len(ids))
            if len(ids):
                file.write(packed(codes).tobytes())
                file.write(np.pad(ids, (0, -len(ids) % BLOCK)).tobytes())
        file.write(np.array(sizes, np.int64).tobytes())
    with stem.with_suffix(NUMBERS).open("wb") as file:
        np.save(file, numbers, allow_pickle=False)
    digests = {suffix: Digest.of_file(stem.with_suffix(suffix)).hex for suffix in (CODEC, LISTS, NUMBERS)}
    header = Header(VOTES_FORMAT, ROOTSIFT.id, codec_digest(codec).hex, len(numbers), sum(sizes), digests)
    stem.with_suffix(HEADER).write_text(json.dumps(asdict(header)))


def write_segments(folder: Path, generation: int, pieces: Iterable[Sequence[VoteRows]]) -> list[SegmentEntry]:
    """Write pieces of rows, all parts of a piece into one segment, and none for empty ones."""
    entries = []
    for place, parts in enumerate(piece for piece in pieces if any(map(len, piece))):
        entries.append(SegmentEntry(segment_name(generation, place), None))
        write_segment(folder, entries[-1].name, parts[0].index, *merged(parts))
    return entries


def packed(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Codes, uint8, shape (n, 16), in blocks as FAISS scans them, uint8, shape (blocks, 512), filled up with zeros."""
    whole = np.pad(codes, ((0, -len(codes) % BLOCK), (0, 0)))
    columns = whole.reshape(-1, BLOCK, CODE_BYTES).transpose(0, 2, 1)
    low, high = columns[..., _LOW_HALF], columns[..., _LOW_HALF + BLOCK // 2]
    halves = np.concatenate([(low & 15) | (high << 4), (low >> 4) | (high & 240)], axis=2)
    return halves.reshape(-1, BLOCK * CODE_BYTES)


def unpacked(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The codes of blocks: what :func:`packed` was given, and the zeros."""
    halves = blocks.reshape(-1, CODE_BYTES, 2, BLOCK // 2)
    first, second = halves[:, :, 0], halves[:, :, 1]
    columns = np.empty((len(halves), CODE_BYTES, BLOCK), np.uint8)
    columns[..., _LOW_HALF] = (first & 15) | (second << 4)
    columns[..., _LOW_HALF + BLOCK // 2] = (first >> 4) | (second & 240)
    return columns.transpose(0, 2, 1).reshape(-1, CODE_BYTES)


def _room(size: Untyped) -> Untyped:
    """How many codes the blocks of lists of these sizes have room for: one number or an array."""
    return -(-size // BLOCK) * BLOCK


def read_header(folder: Path, name: str) -> Header:
    """The header of a segment; raises ``FileNotFoundError``, or ``IntegrityError`` when it isn't one of this space."""
    try:
        header = Header(**json.loads((folder / name).with_suffix(HEADER).read_text()))
        known = header.format == VOTES_FORMAT and set(header.sha256) == {CODEC, LISTS, NUMBERS}
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"The header of index segment {name} is damaged.", hint=HINT) from error
    if not known or header.space != ROOTSIFT.id:
        raise IntegrityError(f"Index segment {name} is of another version or space.", hint=HINT)
    return header


def open_segment(folder: Path, name: str) -> VoteRows:
    """A segment's rows, mapped; raises as :func:`indexer.vectors.segments.open_segment`."""
    stem, header = folder / name, read_header(folder, name)
    for suffix in (CODEC, LISTS):
        if not stem.with_suffix(suffix).exists():
            raise FileNotFoundError(stem.with_suffix(suffix))
    try:
        numbers = np.load(stem.with_suffix(NUMBERS), allow_pickle=False)
        index = faiss.read_index(str(stem.with_suffix(CODEC)), faiss.IO_FLAG_MMAP_IFC)
        _map_lists(index, stem.with_suffix(LISTS))
    except (ValueError, EOFError, RuntimeError) as error:
        raise IntegrityError(f"Index segment {name} is damaged.", hint=HINT) from error
    if (len(numbers), index.ntotal) != (header.works, header.descriptors) or (np.diff(numbers) <= 0).any():
        raise IntegrityError(f"Index segment {name} doesn't hold what its header says.", hint=HINT)
    return VoteRows(numbers, index)


def _map_lists(index: Untyped, path: Path) -> None:
    """Give an empty index the lists in a file, mapped; raises ``ValueError`` when it isn't as long as they are."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - index.nlist * np.dtype(np.int64).itemsize))
        sizes = np.fromfile(file, np.int64, index.nlist)
    room = _room(sizes)
    bytes_each = room * (CODE_BYTES + sizes.itemsize)
    known = len(sizes) == index.nlist and 0 <= sizes.min() <= sizes.max() <= length
    if not known or bytes_each.sum() + sizes.nbytes != length:
        raise ValueError(path.name)
    table = np.stack([sizes, room, np.cumsum(bytes_each) - bytes_each], axis=1)
    lists = faiss.OnDiskInvertedLists(index.nlist, CODE_BYTES, str(path))
    lists.read_only, lists.totsize, lists.prefetch_nthread = True, length, 0
    faiss.memcpy(lists.lists.data(), faiss.swig_ptr(table), table.nbytes)
    lists.do_mmap()
    index.replace_invlists(lists, own=True)
    lists.this.disown()
    index.ntotal = int(sizes.sum())


def opened(folder: Path, manifest: Manifest) -> list[VoteRows]:
    """The segments of a manifest, what was removed from them marked; raises as :func:`open_segment`."""
    if len({read_header(folder, entry.name).codec for entry in manifest.segments}) > 1:
        raise IntegrityError("The segments of the index of local votes have different codecs.", hint=HINT)
    return [_marked(folder, entry) for entry in manifest.segments]


def segment_problems(folder: Path, name: str) -> list[str]:
    """Everything that is wrong with a segment, one sentence each; reads its files whole."""
    try:
        open_segment(folder, name)
        header = read_header(folder, name)
    except (FileNotFoundError, IntegrityError) as error:
        return [f"Segment {name}: {error}"]
    return checksum_problems(folder / name, header.sha256)


def _marked(folder: Path, entry: SegmentEntry) -> VoteRows:
    rows = open_segment(folder, entry.name)
    if entry.gone:
        try:
            rows.remove(np.load(folder / entry.gone, allow_pickle=False))
        except (ValueError, EOFError) as error:
            raise IntegrityError(f"{entry.gone} is damaged.", hint=HINT) from error
    return rows


def pieces_of(codec: Untyped, batches: Iterable[Works]) -> Iterator[list[VoteRows]]:
    """Rows of at most a segment's size, from works whose numbers ascend over all batches."""
    rows = no_rows(codec)
    for batch in batches:
        for start in range(0, len(batch), MAX_WORKS):
            piece = batch[start : start + MAX_WORKS]
            if len(rows) and len(rows) + len(piece) > MAX_WORKS:
                yield [rows]
                rows = no_rows(codec)
            rows.add(piece)
    yield [rows]
