"""A segment: immutable rows of an index on disk, mapped by every process that searches them.

The vectors lie in FAISS's own format, their numbers in ``.npy``; a segment with lists has their order besides
(``vectors.inverted_lists``). A header in JSON says the space, the count, the highest number, where the lists end,
and the SHA-256 of each file. Nothing is pickled.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import Space
from indexer.vectors.flat import FlatRows, map_index, write_index
from indexer.vectors.inverted_lists import CellRows, ListedRows, are_borders, cell_count, in_cells, in_lists, list_bits
from indexer.vectors.manifest import HINT, Manifest, SegmentEntry, segment_name
from indexer.vectors.rows import checked_rows, empty_vectors

SEGMENT_FORMAT = 2
VECTORS, NUMBERS, ORDER = ".faiss", ".npy", ".order"
MAX_ROWS = 10_000_000
MAX_SEGMENT_BYTES = 1 << 30
Rows = tuple[NDArray[np.int64], NDArray[Any]]
"""Numbers and their vectors."""


def most_rows(space: Space) -> int:
    """How many rows one segment may hold."""
    return min(MAX_ROWS, MAX_SEGMENT_BYTES // space.vector_bytes)


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself."""

    format: int
    space: str  # identity of the space
    count: int  # rows
    highest: int  # the highest number, -1 without rows
    sha256: dict[str, str]  # of each file by its suffix, hexadecimal
    borders: tuple[int, ...] = ()  # where lists begin and end, in the order of the vectors; empty when there are none
    cells: int = 0  # of a descriptor index (`indexer.vectors.inverted_lists`); 0 when there are none


def write_segment(folder: Path, name: str, space: Space, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
    """Write rows whose numbers ascend; the header comes last."""
    stem = folder / name
    suffixes, borders = [VECTORS, NUMBERS], np.zeros(0, np.int64)
    if bits := list_bits(space, len(numbers)):
        order, borders = in_lists(vectors, bits)
        vectors = vectors[order]
        _save(stem.with_suffix(ORDER), order)
        suffixes.append(ORDER)
    cells = cell_count(space, len(numbers))
    index = in_cells(space, vectors, cells) if cells else FlatRows.of(space, numbers, vectors).index
    write_index(index, space, stem.with_suffix(VECTORS))
    _save(stem.with_suffix(NUMBERS), numbers)
    header = Header(
        format=SEGMENT_FORMAT,
        space=space.id,
        count=len(numbers),
        highest=int(numbers[-1]) if len(numbers) else -1,
        sha256={suffix: Digest.of_file(stem.with_suffix(suffix)).hex for suffix in suffixes},
        borders=tuple(borders.tolist()),
        cells=cells,
    )
    stem.with_suffix(".json").write_text(json.dumps(asdict(header)))


def open_segment(folder: Path, name: str, space: Space) -> FlatRows:
    """Map a segment; checksums are left to :func:`segment_problems`.

    Raises ``FileNotFoundError`` when a file has gone, ``IntegrityError`` when header and files don't fit together.
    """
    stem = folder / name
    header = read_header(folder, name)
    if (header.format, header.space) != (SEGMENT_FORMAT, space.id):
        raise IntegrityError(f"Index segment {name} is of {header.space}, not of {space.id}.", hint=HINT)
    if not stem.with_suffix(VECTORS).exists():
        raise FileNotFoundError(stem.with_suffix(VECTORS))
    try:
        numbers = _load(stem.with_suffix(NUMBERS), header.count)
        order = _load(stem.with_suffix(ORDER), header.count) if header.borders else numbers
        index = map_index(space, stem.with_suffix(VECTORS))
    except (ValueError, EOFError, RuntimeError) as error:
        raise IntegrityError(f"Index segment {name} is damaged.", hint=HINT) from error
    if not header.count == len(numbers) == len(order) == index.ntotal:
        raise IntegrityError(f"Index segment {name} doesn't have the {header.count} rows of its header.", hint=HINT)
    if getattr(index, "nlist", 0) != header.cells:
        raise IntegrityError(f"Index segment {name} doesn't have the cells of its header.", hint=HINT)
    if header.cells:
        return CellRows(space, numbers, index)
    if header.borders:
        return ListedRows(space, numbers, index, order, np.array(header.borders, np.int64))
    return FlatRows(space, numbers, index)


def _save(path: Path, values: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.save(file, values, allow_pickle=False)


def _load(path: Path, count: int) -> NDArray[Any]:
    """Values of a file, mapped; what is empty can't be."""
    values: NDArray[Any] = np.load(path, mmap_mode="r" if count else None, allow_pickle=False)
    return values


def read_header(folder: Path, name: str) -> Header:
    """The header of a segment; raises ``IntegrityError`` when it isn't one."""
    try:
        header = Header(**json.loads((folder / name).with_suffix(".json").read_text()))
        suffixes = {VECTORS, NUMBERS, ORDER} if header.borders else {VECTORS, NUMBERS}
        good = set(header.sha256) == suffixes and are_borders(header.borders, header.count)
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"The header of index segment {name} is damaged.", hint=HINT) from error
    if not good:
        raise IntegrityError(f"The header of index segment {name} contradicts itself.", hint=HINT)
    return header


def segment_problems(folder: Path, name: str, space: Space) -> list[str]:
    """Everything that is wrong with a segment, one sentence each; reads its files whole."""
    try:
        rows, header = open_segment(folder, name, space), read_header(folder, name)
    except (FileNotFoundError, IntegrityError) as error:
        return [f"Segment {name}: {error}"]
    problems = checksum_problems(folder / name, header.sha256)
    if len(rows.numbers) and (np.diff(rows.numbers) <= 0).any():
        problems.append(f"Segment {name}: its numbers don't ascend.")
    if len(rows.numbers) and int(rows.numbers[-1]) != header.highest:
        problems.append(f"Segment {name}: its highest number isn't that of its header.")
    return problems


def checksum_problems(stem: Path, sha256: Mapping[str, str]) -> list[str]:
    """The files of a segment, by suffix, whose bytes aren't those of their checksums."""
    return [
        f"Segment {stem.name}: {stem.name}{suffix} doesn't have the checksum of its header."
        for suffix, expected in sha256.items()
        if Digest.of_file(stem.with_suffix(suffix)).hex != expected
    ]


def write_segments(folder: Path, generation: int, space: Space, batches: Iterable[Rows]) -> list[SegmentEntry]:
    """Write batches of rows, numbers ascending over all of them, in as many segments as they need."""
    entries = []
    for place, (numbers, vectors) in enumerate(_pieces(space, batches)):
        entries.append(SegmentEntry(segment_name(generation, place), None))
        write_segment(folder, entries[-1].name, space, numbers, vectors)
    return entries


def opened(folder: Path, space: Space, manifest: Manifest) -> list[FlatRows]:
    """The segments of a manifest, what was removed from them marked; raises as :func:`open_segment`."""
    return [_opened(folder, space, entry) for entry in manifest.segments]


def _opened(folder: Path, space: Space, entry: SegmentEntry) -> FlatRows:
    rows = open_segment(folder, entry.name, space)
    if entry.gone:
        rows.mark_gone(_places(folder / entry.gone, len(rows.gone)))
    return rows


def joined(space: Space, parts: Iterable[Rows]) -> Rows:
    """All rows of the parts, by number."""
    kept = list(parts)
    numbers = np.concatenate([np.zeros(0, np.int64), *(numbers for numbers, _ in kept)])
    vectors = np.concatenate([empty_vectors(space), *(vectors for _, vectors in kept)])
    order = np.argsort(numbers, kind="stable")
    return numbers[order], vectors[order]


def _pieces(space: Space, batches: Iterable[Rows]) -> Iterator[Rows]:
    """Rows in pieces of a segment's size; nothing without rows."""
    most = most_rows(space)
    waiting = joined(space, [])
    for batch in batches:
        waiting = joined(space, [waiting, checked_rows(space, *batch)])
        while len(waiting[0]) >= most:
            yield waiting[0][:most], waiting[1][:most]
            waiting = waiting[0][most:], waiting[1][most:]
    if len(waiting[0]):
        yield waiting


def _places(path: Path, count: int) -> NDArray[np.int64]:
    """Places of removed rows; raises ``IntegrityError`` when the file is damaged."""
    try:
        places: NDArray[np.int64] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise IntegrityError(f"{path.name} is damaged.", hint=HINT) from error
    if places.size and not 0 <= int(places.min()) <= int(places.max()) < count:
        raise IntegrityError(f"{path.name} names rows that aren't there.", hint=HINT)
    return places
