"""A segment: immutable rows of an index on disk, mapped by every process that searches them.

Three files: the vectors in FAISS's own format, their numbers as ``.npy``, and a header in JSON with the space, the
count, the highest number and the SHA-256 of both. Nothing is pickled.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import Space
from indexer.brute import checked_rows, empty_vectors
from indexer.flat import FlatRows, map_index, write_index
from indexer.manifest import Manifest, SegmentEntry

FORMAT = 1
MOST_ROWS = 10_000_000
MOST_BYTES = 1 << 30
Rows = tuple[NDArray[np.int64], NDArray[Any]]
"""Numbers and their vectors."""
HINT = "Run the rebuild of the index."


def most_rows(space: Space) -> int:
    """How many rows one segment may hold."""
    return min(MOST_ROWS, MOST_BYTES // space.vector_bytes)


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of itself.

    Attributes:
        format: of this header.
        space: identity of the space.
        count: rows.
        highest: the highest number, -1 without rows.
        vectors_sha256: of the ``.faiss`` file, hexadecimal.
        numbers_sha256: of the ``.npy`` file, hexadecimal.
    """

    format: int
    space: str
    count: int
    highest: int
    vectors_sha256: str
    numbers_sha256: str


def write_segment(folder: Path, name: str, space: Space, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
    """Write rows whose numbers ascend; the header comes last."""
    stem = folder / name
    write_index(FlatRows.of(space, numbers, vectors).index, space, stem.with_suffix(".faiss"))
    np.save(stem.with_suffix(".npy"), numbers, allow_pickle=False)
    header = Header(
        format=FORMAT,
        space=space.id,
        count=len(numbers),
        highest=int(numbers[-1]) if len(numbers) else -1,
        vectors_sha256=Digest.of_file(stem.with_suffix(".faiss")).hex,
        numbers_sha256=Digest.of_file(stem.with_suffix(".npy")).hex,
    )
    stem.with_suffix(".json").write_text(json.dumps(asdict(header), indent=1))


def open_segment(folder: Path, name: str, space: Space) -> FlatRows:
    """Map a segment.

    Raises:
        FileNotFoundError: one of its files has gone.
        IntegrityError: header and files don't fit together; checksums are left to :func:`segment_problems`.
    """
    stem = folder / name
    header = read_header(folder, name)
    if (header.format, header.space) != (FORMAT, space.id):
        raise IntegrityError(f"Index segment {name} is of {header.space}, not of {space.id}.", hint=HINT)
    if not stem.with_suffix(".faiss").exists():
        raise FileNotFoundError(stem.with_suffix(".faiss"))
    try:
        numbers = np.load(stem.with_suffix(".npy"), mmap_mode="r" if header.count else None, allow_pickle=False)
        index = map_index(space, stem.with_suffix(".faiss"))
    except (ValueError, EOFError, RuntimeError) as error:
        raise IntegrityError(f"Index segment {name} is damaged.", hint=HINT) from error
    if not header.count == len(numbers) == index.ntotal:
        raise IntegrityError(f"Index segment {name} doesn't have the {header.count} rows of its header.", hint=HINT)
    return FlatRows(space, numbers, index)


def read_header(folder: Path, name: str) -> Header:
    """The header of a segment; raises ``IntegrityError`` when it isn't one."""
    try:
        return Header(**json.loads((folder / name).with_suffix(".json").read_text()))
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"The header of index segment {name} is damaged.", hint=HINT) from error


def segment_problems(folder: Path, name: str, space: Space) -> list[str]:
    """Everything that is wrong with a segment, one sentence each; reads its files whole."""
    stem = folder / name
    try:
        rows, header = open_segment(folder, name, space), read_header(folder, name)
    except (FileNotFoundError, IntegrityError) as error:
        return [f"Segment {name}: {error}"]
    digests = {".faiss": header.vectors_sha256, ".npy": header.numbers_sha256}
    problems = [
        f"Segment {name}: {name}{suffix} doesn't have the checksum of its header."
        for suffix, expected in digests.items()
        if Digest.of_file(stem.with_suffix(suffix)).hex != expected
    ]
    if len(rows.numbers) and (np.diff(rows.numbers) <= 0).any():
        problems.append(f"Segment {name}: its numbers don't ascend.")
    if len(rows.numbers) and int(rows.numbers[-1]) != header.highest:
        problems.append(f"Segment {name}: its highest number isn't that of its header.")
    return problems


def write_segments(folder: Path, space: Space, generation: int, batches: Iterable[Rows]) -> list[SegmentEntry]:
    """Write batches of rows, numbers ascending over all of them, in as many segments as they need."""
    entries = []
    for place, (numbers, vectors) in enumerate(_pieces(space, batches)):
        entries.append(SegmentEntry(f"segment-{generation:08d}-{place:04d}", None))
        write_segment(folder, entries[-1].name, space, numbers, vectors)
    return entries


def opened(folder: Path, space: Space, manifest: Manifest) -> list[FlatRows]:
    """The segments of a manifest, what was removed from them marked; raises as :func:`open_segment`."""
    segments = []
    for entry in manifest.segments:
        rows = open_segment(folder, entry.name, space)
        if entry.gone:
            rows.gone[_places(folder / entry.gone, len(rows.numbers))] = True
        segments.append(rows)
    return segments


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
