"""The indexes of everything seen alone, made as `exhibit index rebuild` makes them, and asked by new works."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.progress import Progress
from bench.retrieval import entries_of, real_hashes
from bench.retroactive import described, mixed
from bench.table import Row
from exhibit.pictures.decode import Limits
from exhibit.types import Space
from indexer.picture.descriptor import BUILT_IN
from indexer.picture.features import extract
from indexer.picture.spaces import DESCRIPTOR, PHASH
from indexer.search.past import WorkQueries, search_past, work_queries
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.index import rebuild_index

ASKING, TOGETHER = 40, 4
"""Works that search everything seen, and how many of them in one pass: as many as in a message of their step."""
SOURCES, EDITED = 400, 15
"""Photographs that vectors are made of, and how many are edited to see which bits of hashes change."""


def measure_indexes(photos: Sequence[Path], sizes: Sequence[int], out: Path) -> Iterator[Row]:
    """Sizes and times for so many pictures, each with one hash and two descriptors."""
    asking = [queries_of(path) for path in photos[:ASKING]]
    sources = photos[-SOURCES:]
    known, real = real_hashes(sources, EDITED), described(sources)
    for size in sizes:
        made: dict[str, tuple[Space, Iterable[NDArray[Any]], int]] = {
            "hashes": (PHASH, (rows for _, rows in entries_of(known, size)), size),
            "descriptors": (DESCRIPTOR, chain(mixed(real, size, 1), mixed(real, size, 2)), 2 * size),
        }
        row: dict[str, object] = {"pictures": size}
        with tempfile.TemporaryDirectory(prefix="exhibit-indexes-", dir=out.parent) as name:
            for what, (space, batches, count) in made.items():
                folder = Path(name, what)
                row[f"make the {what}, s of a core"] = _made(space, folder, batches, count)
                row[f"index of {what}, MB"] = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            yield row | searched(asking, *(FaissIndex(space, Path(name, what)) for what, (space, *_) in made.items()))


def queries_of(path: Path) -> WorkQueries:
    """What a photograph searches everything seen with, if it were a work."""
    data = path.read_bytes()
    return work_queries(data, extract(data, Limits(), descriptor=BUILT_IN), BUILT_IN, Limits())[0]


def searched(asking: Sequence[WorkQueries], hashes: FaissIndex, descriptors: FaissIndex) -> dict[str, float]:
    """Processor milliseconds of a work that searches everything seen, by index; what it names isn't compared."""
    with tempfile.TemporaryDirectory() as nowhere:
        empty = {space: FaissIndex(space, Path(nowhere)) for space in (hashes.space, descriptors.space)}
        ways = {"hashes": (hashes, empty[descriptors.space]), "descriptors": (empty[hashes.space], descriptors)}
        return {f"a new work against the {name} of all, ms": _asked(asking, *both) for name, both in ways.items()}


def _asked(asking: Sequence[WorkQueries], hashes: FaissIndex, descriptors: FaissIndex) -> float:
    search_past(asking[:TOGETHER], hashes, descriptors)  # mapped
    began = time.process_time()
    for start in range(0, len(asking), TOGETHER):
        search_past(asking[start : start + TOGETHER], hashes, descriptors)
    return (time.process_time() - began) * 1000 / len(asking)


def _made(space: Space, folder: Path, batches: Iterable[NDArray[Any]], count: int) -> float:
    """Processor seconds of writing the vectors down, without those of making them up."""
    progress, making = Progress(f"{space.name} made up", count), 0.0

    def numbered() -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        nonlocal making
        first, began = 1, time.process_time()
        for rows in batches:
            making += time.process_time() - began
            yield np.arange(first, first + len(rows)), rows
            first, began = first + len(rows), time.process_time()
            progress(first - 1)
        making += time.process_time() - began

    began = time.process_time()
    rebuild_index(space, folder, numbered(), count)
    return time.process_time() - began - making
