"""Hash retrieval at large sizes: pictures a second with all query variants, and the loss against exhaustive search.

Millions of photographs are not available, so entries are generated from real hashes: the low quarter of the
coefficients of one photograph, the other three of others, and every bit flipped as often as edits flip it. Queries are
entries changed by the same bits that real edits of photographs change. Only edits within :data:`HASH_WITHIN` bits are
used.
"""

import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.common import Row
from exhibit.pictures.decode import Limits, decode
from exhibit.types import Hit
from indexer.edits import EDITS, apply
from indexer.layout.panels import find_content_box
from indexer.picture.perceptual_hash import compute_orientation_hashes, shrink
from indexer.picture.spaces import PHASH
from indexer.search.candidates import HASH_NEAREST, HASH_WITHIN
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.faiss_rows import READ_ALL_FROM

Bits = NDArray[np.uint8]
"""Packed hashes, uint8, shape (n, 32)."""
SEED = 8
SIDE = 512
EDITED = 100
"""Number of photographs whose edits are measured."""
QUERY_COUNT = 1_200
COMPARED_WITH_FAISS = 50
"""Pictures that are compared with FAISS's exhaustive search, which is slow."""
TOGETHER = 32
"""Pictures in one search: as many as in a batch of the matching step."""
CORES = 2
AT_ONCE = 500_000


@dataclass(frozen=True, slots=True)
class SearchSetup:
    """A search configuration: results for each hash, pictures in one search, and processes."""

    name: str
    nearest: int
    together: int
    cores: int


@dataclass(frozen=True, slots=True)
class Queries:
    """Numbers of entries, and the hashes of an edited copy of each in all orientations, shape (n, 8, 32)."""

    numbers: NDArray[np.int64]
    hashes: Bits


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall seconds, CPU seconds of all cores, and private MiB of a process."""

    seconds: float
    cpu: float
    memory: float = 0


@dataclass(frozen=True, slots=True)
class HashStatistics:
    """Statistics of real photographs and their edits.

    Attributes:
        hashes: Hashes of photographs in all orientations.
        masks: Changed bits for each edit within reach, in the original's orientation.
        flips: Frequency with which edits flip each of the 256 bits.
    """

    hashes: Bits
    masks: Bits
    flips: NDArray[np.float64]


def measure(photos: Sequence[Path], entries: int) -> list[Row]:
    """Build an index with ``entries`` entries in a temporary folder, and search it.

    Args:
        photos: Pictures from which entries and queries are made.
        entries: Number of entries.

    Returns:
        One row for each search configuration.
    """
    hash_changes = real_hashes(photos)
    with tempfile.TemporaryDirectory(prefix="exhibit-retrieval-") as name:
        folder = Path(name)
        started = time.monotonic()
        FaissIndex(PHASH, folder).replace(entries_of(hash_changes, entries), entries)
        built = time.monotonic() - started
        size = sum(path.stat().st_size for path in folder.iterdir())
        queries = make_queries(hash_changes, entries)
        ways = [
            SearchSetup("Exhibit", HASH_NEAREST, TOGETHER, CORES),
            SearchSetup("Exhibit", HASH_NEAREST, 1, CORES),
            SearchSetup("Exhibit, every list", READ_ALL_FROM, TOGETHER, CORES),
        ]
        rows = [_search_index(way, folder, queries) for way in ways]
    rows.append(_search_with_faiss(hash_changes, entries, queries))
    return [{**row, "build s": built, "bytes an entry": size / entries} for row in rows]


def real_hashes(photos: Sequence[Path], edited: int = EDITED) -> HashStatistics:
    """Return hashes of photographs, and the changes by edits of ``edited`` of them."""
    shuffled = list(photos)
    random.Random(SEED).shuffle(shuffled)
    hashes, masks = [], []
    for place, path in enumerate(shuffled):
        data = path.read_bytes()
        original = compute_orientation_hashes(_small(data))
        hashes.append(original)
        if place < edited:
            masks += [mask for mask in _masks(data, original[0], place) if mask is not None]
    changed = np.unpackbits(np.array(masks), axis=1)
    return HashStatistics(np.concatenate(hashes), np.array(masks), changed.mean(0))


def _masks(data: bytes, original: Bits, seed: int) -> Iterator[Bits | None]:
    """Yield for each edit the bits that it changes in the nearest orientation, trimmed or not; None beyond reach."""
    picture = Image.fromarray(decode(data, Limits(), at_least=SIDE).pixels)
    for name in EDITS:
        edited = apply(name, picture, [], seed).data
        variants = np.concatenate([compute_orientation_hashes(small) for small in _forms(edited)]) ^ original
        distances = np.bitwise_count(variants).sum(1)
        yield variants[distances.argmin()] if distances.min() <= HASH_WITHIN else None


def _small(data: bytes) -> NDArray[np.uint8]:
    return next(_forms(data))


def _forms(data: bytes) -> Iterator[NDArray[np.uint8]]:
    """Yield the small grey picture from which the hash is computed: whole, then without constant borders."""
    image = Image.fromarray(decode(data, Limits(), at_least=SIDE).pixels).convert("L")
    yield shrink(image)
    box = find_content_box(np.asarray(image))
    if box is not None:
        yield shrink(image.crop((round(box.left), round(box.top), round(box.right), round(box.bottom))))


def entries_of(hash_changes: HashStatistics, count: int) -> Iterator[tuple[NDArray[np.int64], Bits]]:
    """Yield batches of numbers (from 1) and hashes."""
    for start in range(0, count, AT_ONCE):
        chance = np.random.default_rng([SEED, start])
        size = min(AT_ONCE, count - start)
        sources = chance.integers(0, len(hash_changes.hashes), (4, size))
        rows = hash_changes.hashes.reshape(-1, 16, 2)
        mixed = np.empty((size, 16, 2), np.uint8)
        for quarter, source in enumerate(sources):
            high, right = divmod(quarter, 2)
            mixed[:, 8 * high : 8 * high + 8, right] = rows[source, 8 * high : 8 * high + 8, right]
        yield np.arange(start + 1, start + size + 1), mixed.reshape(size, 32) ^ _noise(hash_changes, size, chance)


def _noise(hash_changes: HashStatistics, size: int, chance: np.random.Generator) -> Bits:
    """Return bits that are set as often as edits flip them, drawn in chunks that fit into memory."""
    limits = np.round(hash_changes.flips * 255).astype(np.uint8)
    pieces = [
        np.packbits(chance.integers(0, 255, (min(20_000, size - start), 256), np.uint8) < limits, axis=1)
        for start in range(0, size, 20_000)
    ]
    return np.concatenate(pieces)


def make_queries(hash_changes: HashStatistics, entries: int) -> Queries:
    """Return entries to search for, and edited copies of them."""
    chance = np.random.default_rng([SEED, entries])
    numbers_asked = np.sort(chance.choice(entries, min(QUERY_COUNT, entries), replace=False)) + 1
    parts = entries_of(hash_changes, entries)  # generated again, because they are not kept in memory
    hashes = np.concatenate([rows[np.isin(numbers, numbers_asked)] for numbers, rows in parts])
    order = chance.permutation(len(numbers_asked))
    changed = hashes[order] ^ hash_changes.masks[chance.integers(0, len(hash_changes.masks), len(numbers_asked))]
    return Queries(numbers_asked[order], np.array([all_orientations(row) for row in changed]))


def all_orientations(packed: Bits) -> Bits:
    """Return all orientations of a hash, as far as its bits determine them, the unchanged one first: (8, 32)."""
    square: NDArray[np.uint8] = np.unpackbits(packed).reshape(16, 16)
    odd = np.arange(16, dtype=np.uint8) % 2
    forms = []
    for orientation in range(8):
        form = square.T if orientation & 4 else square
        form = form ^ odd[:, None] if orientation & 2 else form
        forms.append(form ^ odd if orientation & 1 else form)
    return np.packbits(np.array(forms, np.uint8).reshape(8, 256), axis=1)


def _search_index(way: SearchSetup, folder: Path, queries: Queries) -> dict[str, object]:
    """Search the product's index in several processes that map the same files."""
    parts = np.array_split(queries.hashes, way.cores)
    calls = [folder] * way.cores, parts, [way.nearest] * way.cores, [way.together] * way.cores
    with ProcessPoolExecutor(way.cores, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_ask, calls[0], [part[:2] for part in parts], *calls[2:]))  # opens and maps the files
        started = time.monotonic()
        answers = list(pool.map(_ask, *calls))
        spent = Cost(time.monotonic() - started, sum(cost.cpu for _, cost in answers))
    results = [numbers for answer, _ in answers for numbers in answer]
    return _row(way, queries, results, spent) | {"own MiB a process": max(round(cost.memory) for _, cost in answers)}


def _row(way: SearchSetup, queries: Queries, results: Sequence[set[int]], spent: Cost) -> dict[str, object]:
    right = [number in result for result, number in zip(results, queries.numbers.tolist(), strict=True)]
    return {
        "search": way.name,
        "answers a hash": way.nearest,
        "pictures together": way.together,
        "cores": way.cores,
        "asked": len(right),
        "pictures a second": len(right) / spent.seconds,
        "CPU ms a picture": 1000 * spent.cpu / len(right),
        "found": f"{np.mean(right):.4f}",
    }


def _ask(folder: Path, hashes: Bits, nearest: int, together: int) -> tuple[list[set[int]], Cost]:
    """Return the results for each picture, and their cost."""
    index = _open_index(folder)
    started, began = time.monotonic(), time.process_time()
    results = []
    for start in range(0, len(hashes), together):
        rows = hashes[start : start + together].reshape(-1, 32)
        results += _by_picture(index.search(rows, k=nearest, within=HASH_WITHIN))
    return results, Cost(time.monotonic() - started, time.process_time() - began, _own_memory())


@cache
def _open_index(folder: Path) -> FaissIndex:
    return FaissIndex(PHASH, folder)


def _by_picture(hits: list[list[Hit]]) -> list[set[int]]:
    """Return the nearest numbers to the eight hashes of each picture, limited as in the product."""
    rows = [[hit.number for hit in row[:HASH_NEAREST]] for row in hits]
    return [set(chain.from_iterable(rows[start : start + 8])) for start in range(0, len(rows), 8)]


def _own_memory() -> float:
    """Return the private MiB of this process, or its peak if the system does not report them."""
    try:
        pages = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sizes = [int(line.split()[1]) for line in pages.splitlines() if line.startswith(("Private_Dirty", "Private_Clean"))]
    return sum(sizes) / 1024


def _search_with_faiss(hash_changes: HashStatistics, entries: int, queries: Queries) -> dict[str, object]:
    """Run the first queries on FAISS's flat index, all at once, with one thread for each core."""
    import faiss as library  # noqa: PLC0415 - after the threads are set

    faiss: Any = library
    flat = faiss.IndexBinaryFlat(PHASH.width)
    for _, rows in entries_of(hash_changes, entries):
        flat.add(rows)
    first = Queries(queries.numbers[:COMPARED_WITH_FAISS], queries.hashes[:COMPARED_WITH_FAISS])
    faiss.omp_set_num_threads(CORES)
    started, began = time.monotonic(), time.process_time()
    distances, places = flat.search(first.hashes.reshape(-1, 32), HASH_NEAREST)
    spent = Cost(time.monotonic() - started, time.process_time() - began)
    faiss.omp_set_num_threads(1)
    hits = [
        [Hit(int(place) + 1, float(bits)) for place, bits in zip(*row, strict=True) if bits <= HASH_WITHIN]
        for row in zip(places, distances, strict=True)
    ]
    way = SearchSetup("FAISS flat", HASH_NEAREST, len(first.numbers), CORES)
    return _row(way, first, _by_picture(hits), spent) | {"own MiB a process": entries * 32 >> 20}
