"""Segments of the index of local votes: immutable files that every process maps.

Three files each: the codes in FAISS's own format (an inverted file, each code under the number of its work), the works'
numbers as ``.npy``, and a header in JSON with the SHA-256 of both. Nothing is pickled.
"""

import json
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
from indexer.vectors.manifest import HINT, Manifest, Place, SegmentEntry, segment_name
from indexer.vectors.segments import NUMBERS, checksum_problems
from indexer.votes.codec import codec_digest, empty_like, faiss

VOTES_FORMAT = 1
CODES, HEADER = ".faiss", ".json"
MAX_WORKS = 100_000
"""In one segment: half a gigabyte."""
PROBES = 4
"""Lists that are looked at for each descriptor."""
TOO_CLOSE = 4e-6
"""Squared distance by which the first list that isn't looked at has to be farther than the last that is: three times
what NumPy and FAISS differed by in 103,000 descriptors.
"""

Works = Sequence[tuple[int, NDArray[np.uint8]]]
"""Numbers with the descriptors of each, uint8, shape (n, 128)."""
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
        """Squared distances and numbers of the nearest descriptors in probed lists, -1 where there are no more."""
        selector = None
        if self.gone.any():
            selector = faiss.IDSelectorNot(faiss.IDSelectorBatch(self.removed))
        how = faiss.SearchParametersIVF(nprobe=probed[1].shape[1], sel=selector)
        distances, numbers = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        asked = np.ascontiguousarray(queries)  # and kept, for FAISS is told an address
        given, store_pairs = map(faiss.swig_ptr, (probed[1], probed[0], distances, numbers)), False
        self.index.search_preassigned_c(len(asked), faiss.swig_ptr(asked), k, *given, store_pairs, how)
        return distances, numbers

    def counts(self) -> Iterator[tuple[int, int]]:
        """(number, how many descriptors) of each work that isn't gone, as the lists hold them."""
        lists = self.index.invlists
        sizes = [lists.list_size(number) for number in range(self.index.nlist)]
        held = [faiss.rev_swig_ptr(lists.get_ids(number), size) for number, size in enumerate(sizes) if size]
        numbers, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *held]), return_counts=True)
        there = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        return ((number, there.get(number, 0)) for number in self.numbers[~self.gone].tolist())

    def compact(self) -> None:
        """Take out what is gone; only for rows in memory."""
        if self.gone.any():
            self.index.remove_ids(faiss.IDSelectorBatch(self.removed))
            self.numbers = self.numbers[~self.gone]
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
    distances, numbers = centres.search(queries, PROBES)
    return distances, numbers


def no_rows(codec: Untyped) -> VoteRows:
    """Rows in memory, none yet."""
    return VoteRows(np.zeros(0, np.int64), empty_like(codec))


def write_segment(folder: Path, name: str, rows: VoteRows) -> None:
    """Write compact rows; the header comes last."""
    stem = folder / name
    faiss.write_index(rows.index, str(stem.with_suffix(CODES)))
    with stem.with_suffix(NUMBERS).open("wb") as file:
        np.save(file, rows.numbers, allow_pickle=False)
    digests = {suffix: Digest.of_file(stem.with_suffix(suffix)).hex for suffix in (CODES, NUMBERS)}
    codec = codec_digest(rows.index).hex
    header = Header(VOTES_FORMAT, ROOTSIFT.id, codec, len(rows.numbers), int(rows.index.ntotal), digests)
    stem.with_suffix(HEADER).write_text(json.dumps(asdict(header)))


def write_segments(folder: Path, generation: int, pieces: Iterable[VoteRows]) -> list[SegmentEntry]:
    """Write pieces of rows, a segment each, and none for empty ones."""
    entries = []
    for place, rows in enumerate(filter(len, pieces)):
        entries.append(SegmentEntry(segment_name(generation, place), None))
        write_segment(folder, entries[-1].name, rows)
    return entries


def read_header(folder: Path, name: str) -> Header:
    """The header of a segment; raises ``FileNotFoundError``, or ``IntegrityError`` when it isn't one of this space."""
    try:
        header = Header(**json.loads((folder / name).with_suffix(HEADER).read_text()))
        known = header.format == VOTES_FORMAT and set(header.sha256) == {CODES, NUMBERS}
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"The header of index segment {name} is damaged.", hint=HINT) from error
    if not known or header.space != ROOTSIFT.id:
        raise IntegrityError(f"Index segment {name} is of another version or space.", hint=HINT)
    return header


def open_segment(folder: Path, name: str, *, mapped: bool = True) -> VoteRows:
    """A segment's rows, mapped or in memory; raises as :func:`indexer.vectors.segments.open_segment`."""
    stem, header = folder / name, read_header(folder, name)
    if not stem.with_suffix(CODES).exists():
        raise FileNotFoundError(stem.with_suffix(CODES))
    try:
        numbers = np.load(stem.with_suffix(NUMBERS), allow_pickle=False)
        index = faiss.read_index(str(stem.with_suffix(CODES)), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
    except (ValueError, EOFError, RuntimeError) as error:
        raise IntegrityError(f"Index segment {name} is damaged.", hint=HINT) from error
    if (len(numbers), index.ntotal) != (header.works, header.descriptors) or (np.diff(numbers) <= 0).any():
        raise IntegrityError(f"Index segment {name} doesn't hold what its header says.", hint=HINT)
    return VoteRows(numbers, index)


def opened(place: Place, manifest: Manifest) -> list[VoteRows]:
    """The segments of a manifest, what was removed from them marked; raises as :func:`open_segment`."""
    for name in sorted(manifest.files):
        place.fetch(name)
    folder = place.folder
    if len({read_header(folder, entry.name).codec for entry in manifest.segments}) > 1:
        raise IntegrityError("The segments of the index of local votes have different codecs.", hint=HINT)
    return [_marked(folder, entry) for entry in manifest.segments]


def merged(
    place: Place, entries: Sequence[SegmentEntry], gone: Sequence[NDArray[np.int64]], tail: VoteRows
) -> VoteRows:
    """Segments read into memory, without the numbers that are gone, and behind them the tail, which stays as it is."""
    rows = VoteRows(tail.numbers, faiss.clone_index(tail.index)) if entries else tail  # merging empties what it takes
    for entry, without in zip(reversed(entries), reversed(gone), strict=True):
        place.fetch(entry.name)
        older = open_segment(place.folder, entry.name, mapped=False)
        older.remove(without)
        older.compact()
        older.index.merge_from(rows.index, 0)
        numbers = np.concatenate([older.numbers, rows.numbers])
        rows = VoteRows(np.sort(numbers), older.index)
    return rows


def segment_problems(place: Place, name: str) -> list[str]:
    """Everything that is wrong with a segment, one sentence each; reads its files whole."""
    folder = place.folder
    try:
        place.fetch(name)
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


def pieces_of(codec: Untyped, batches: Iterable[Works]) -> Iterator[VoteRows]:
    """Rows of at most a segment's size, from works whose numbers ascend over all batches."""
    rows = no_rows(codec)
    for batch in batches:
        for start in range(0, len(batch), MAX_WORKS):
            piece = batch[start : start + MAX_WORKS]
            if len(rows) and len(rows) + len(piece) > MAX_WORKS:
                yield rows
                rows = no_rows(codec)
            rows.add(piece)
    yield rows
