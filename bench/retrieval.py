"""Hash retrieval at large sizes: pictures per second, and loss of recall compared with exhaustive search.

Entries are generated from real hashes, because millions of photographs are not available. An entry has the low quarter
of the coefficients of one photograph and the other quarters of others, and each bit is flipped as often as by edits.
Queries are entries with bits flipped as by real edits of photographs. Only edits within :data:`HASH_WITHIN` bits are
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
from indexer.picture.perceptual_hash import compute_orientation_hashes, shrink_for_hash
from indexer.picture.spaces import PHASH
from indexer.search.candidates import MAX_HASH_DISTANCE, MAX_HASH_HITS
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.faiss_rows import MIN_HITS_TO_READ_ALL

Bits = NDArray[np.uint8]
"""Packed hashes, uint8, shape (n, 32)."""
SEED = 8
SIDE = 512
EDITED_PHOTOS = 100
"""Number of photographs whose edits are measured."""
QUERY_COUNT = 1_200
FAISS_QUERY_COUNT = 50
"""Number of pictures for FAISS's exhaustive search, which is slow."""
PICTURES_PER_SEARCH = 32
"""Pictures per search, as in a batch of the matching step."""
CORES = 2
ENTRIES_PER_BATCH = 500_000


@dataclass(frozen=True, slots=True)
class SearchSetup:
    """A search configuration: results per hash, pictures per search, and number of processes."""

    name: str
    max_results: int
    pictures_per_search: int
    cores: int


@dataclass(frozen=True, slots=True)
class QueryBatch:
    """Numbers of searched entries, and hashes of their edited copies in all orientations, shape (n, 8, 32)."""

    numbers: NDArray[np.int64]
    hashes: Bits


@dataclass(frozen=True, slots=True)
class SearchCost:
    """Wall seconds, CPU seconds of all cores, and private MiB of a process."""

    seconds: float
    cpu: float
    memory: float = 0


@dataclass(frozen=True, slots=True)
class HashStatistics:
    """Statistics of real photographs and their edits.

    Attributes:
        hashes: Hashes of photographs in all orientations.
        masks: Changed bits of each edit within :data:`HASH_WITHIN` bits, in the orientation of the original.
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
        One row per search configuration.
    """
    hash_changes = measure_hash_statistics(photos)
    with tempfile.TemporaryDirectory(prefix="exhibit-retrieval-") as name:
        folder = Path(name)
        started = time.monotonic()
        FaissIndex(PHASH, folder).replace(generate_entries(hash_changes, entries), entries)
        build_seconds = time.monotonic() - started
        size = sum(path.stat().st_size for path in folder.iterdir())
        queries = make_queries(hash_changes, entries)
        setups = [
            SearchSetup("Exhibit", MAX_HASH_HITS, PICTURES_PER_SEARCH, CORES),
            SearchSetup("Exhibit", MAX_HASH_HITS, 1, CORES),
            SearchSetup("Exhibit, every list", MIN_HITS_TO_READ_ALL, PICTURES_PER_SEARCH, CORES),
        ]
        rows = [_search_index(setup, folder, queries) for setup in setups]
    rows.append(_search_with_faiss(hash_changes, entries, queries))
    return [{**row, "build s": build_seconds, "bytes an entry": size / entries} for row in rows]


def measure_hash_statistics(photos: Sequence[Path], edited_count: int = EDITED_PHOTOS) -> HashStatistics:
    """Return hashes of photographs, and the changes of hashes by edits of ``edited_count`` of them."""
    shuffled = list(photos)
    random.Random(SEED).shuffle(shuffled)
    hashes, masks = [], []
    for index, path in enumerate(shuffled):
        data = path.read_bytes()
        original = compute_orientation_hashes(_load_small_picture(data))
        hashes.append(original)
        if index < edited_count:
            masks += [mask for mask in _compute_masks(data, original[0], index) if mask is not None]
    changed_bits = np.unpackbits(np.array(masks), axis=1)
    return HashStatistics(np.concatenate(hashes), np.array(masks), changed_bits.mean(0))


def _compute_masks(data: bytes, original: Bits, seed: int) -> Iterator[Bits | None]:
    """Yield the bits that each edit changes in the nearest orientation, trimmed or not; None if they are too many."""
    picture = Image.fromarray(decode(data, Limits(), at_least=SIDE).pixels)
    for name in EDITS:
        edited = apply(name, picture, [], seed).data
        variants = (
            np.concatenate([compute_orientation_hashes(small_picture) for small_picture in _load_hash_pictures(edited)])
            ^ original
        )
        distances = np.bitwise_count(variants).sum(1)
        yield variants[distances.argmin()] if distances.min() <= MAX_HASH_DISTANCE else None


def _load_small_picture(data: bytes) -> NDArray[np.uint8]:
    return next(_load_hash_pictures(data))


def _load_hash_pictures(data: bytes) -> Iterator[NDArray[np.uint8]]:
    """Yield the small grey pictures from which hashes are computed: the whole picture, then without borders."""
    image = Image.fromarray(decode(data, Limits(), at_least=SIDE).pixels).convert("L")
    yield shrink_for_hash(image)
    box = find_content_box(np.asarray(image))
    if box is not None:
        yield shrink_for_hash(image.crop((round(box.left), round(box.top), round(box.right), round(box.bottom))))


def generate_entries(hash_changes: HashStatistics, count: int) -> Iterator[tuple[NDArray[np.int64], Bits]]:
    """Yield batches of numbers (from 1) and hashes."""
    for start in range(0, count, ENTRIES_PER_BATCH):
        rng = np.random.default_rng([SEED, start])
        size = min(ENTRIES_PER_BATCH, count - start)
        sources = rng.integers(0, len(hash_changes.hashes), (4, size))
        rows = hash_changes.hashes.reshape(-1, 16, 2)
        hashes = np.empty((size, 16, 2), np.uint8)
        for quarter, source in enumerate(sources):
            part, is_right = divmod(quarter, 2)
            hashes[:, 8 * part : 8 * part + 8, is_right] = rows[source, 8 * part : 8 * part + 8, is_right]
        yield np.arange(start + 1, start + size + 1), hashes.reshape(size, 32) ^ _draw_noise(hash_changes, size, rng)


def _draw_noise(hash_changes: HashStatistics, size: int, rng: np.random.Generator) -> Bits:
    """Return random bits that are set as often as edits flip them. They are drawn in chunks to save memory."""
    limits = np.round(hash_changes.flips * 255).astype(np.uint8)
    chunks = [
        np.packbits(rng.integers(0, 255, (min(20_000, size - start), 256), np.uint8) < limits, axis=1)
        for start in range(0, size, 20_000)
    ]
    return np.concatenate(chunks)


def make_queries(hash_changes: HashStatistics, entries: int) -> QueryBatch:
    """Return entries to search for, and edited copies of them."""
    rng = np.random.default_rng([SEED, entries])
    query_numbers = np.sort(rng.choice(entries, min(QUERY_COUNT, entries), replace=False)) + 1
    parts = generate_entries(hash_changes, entries)  # Entries are generated again, because they are not kept in memory.
    hashes = np.concatenate([rows[np.isin(numbers, query_numbers)] for numbers, rows in parts])
    order = rng.permutation(len(query_numbers))
    changed_hashes = hashes[order] ^ hash_changes.masks[rng.integers(0, len(hash_changes.masks), len(query_numbers))]
    return QueryBatch(query_numbers[order], np.array([compute_all_orientations(row) for row in changed_hashes]))


def compute_all_orientations(packed_hash: Bits) -> Bits:
    """Return all orientations of a hash, as far as its bits determine them, the original first; shape (8, 32)."""
    square: NDArray[np.uint8] = np.unpackbits(packed_hash).reshape(16, 16)
    odd_signs = np.arange(16, dtype=np.uint8) % 2
    forms = []
    for orientation in range(8):
        form = square.T if orientation & 4 else square
        form = form ^ odd_signs[:, None] if orientation & 2 else form
        forms.append(form ^ odd_signs if orientation & 1 else form)
    return np.packbits(np.array(forms, np.uint8).reshape(8, 256), axis=1)


def _search_index(setup: SearchSetup, folder: Path, queries: QueryBatch) -> dict[str, object]:
    """Search the product's index in several processes, which map the same files."""
    parts = np.array_split(queries.hashes, setup.cores)
    tasks = [folder] * setup.cores, parts, [setup.max_results] * setup.cores, [setup.pictures_per_search] * setup.cores
    with ProcessPoolExecutor(setup.cores, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_search, tasks[0], [part[:2] for part in parts], *tasks[2:]))  # Opens and maps the files.
        started = time.monotonic()
        partial_results = list(pool.map(_search, *tasks))
        elapsed = SearchCost(time.monotonic() - started, sum(cost.cpu for _, cost in partial_results))
    results = [numbers for matches, _ in partial_results for numbers in matches]
    return _build_row(setup, queries, results, elapsed) | {
        "own MiB a process": max(round(cost.memory) for _, cost in partial_results)
    }


def _build_row(
    setup: SearchSetup, queries: QueryBatch, results: Sequence[set[int]], cost: SearchCost
) -> dict[str, object]:
    correct = [number in result for result, number in zip(results, queries.numbers.tolist(), strict=True)]
    return {
        "search": setup.name,
        "answers a hash": setup.max_results,
        "pictures together": setup.pictures_per_search,
        "cores": setup.cores,
        "queries": len(correct),
        "pictures a second": len(correct) / cost.seconds,
        "CPU ms a picture": 1000 * cost.cpu / len(correct),
        "found": f"{np.mean(correct):.4f}",
    }


def _search(
    folder: Path, hashes: Bits, max_results: int, pictures_per_search: int
) -> tuple[list[set[int]], SearchCost]:
    """Search an index. Returns the results for each picture, and the cost."""
    index = _open_index(folder)
    started, cpu_start = time.monotonic(), time.process_time()
    results = []
    for start in range(0, len(hashes), pictures_per_search):
        rows = hashes[start : start + pictures_per_search].reshape(-1, 32)
        results += _group_by_picture(index.search(rows, k=max_results, within=MAX_HASH_DISTANCE))
    return results, SearchCost(time.monotonic() - started, time.process_time() - cpu_start, _read_own_memory())


@cache
def _open_index(folder: Path) -> FaissIndex:
    return FaissIndex(PHASH, folder)


def _group_by_picture(hits: list[list[Hit]]) -> list[set[int]]:
    """Return the numbers of the results of the eight hashes of each picture, limited as in the product."""
    rows = [[hit.number for hit in row[:MAX_HASH_HITS]] for row in hits]
    return [set(chain.from_iterable(rows[start : start + 8])) for start in range(0, len(rows), 8)]


def _read_own_memory() -> float:
    """Return the private memory of this process in MiB, or its peak memory if the system does not report it."""
    try:
        pages = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sizes = [int(line.split()[1]) for line in pages.splitlines() if line.startswith(("Private_Dirty", "Private_Clean"))]
    return sum(sizes) / 1024


def _search_with_faiss(hash_changes: HashStatistics, entries: int, queries: QueryBatch) -> dict[str, object]:
    """Run the first queries on FAISS's flat index in one batch, with one thread per core."""
    import faiss as library  # noqa: PLC0415 - after the threads are set

    faiss: Any = library
    flat_index = faiss.IndexBinaryFlat(PHASH.width)
    for _, rows in generate_entries(hash_changes, entries):
        flat_index.add(rows)
    first = QueryBatch(queries.numbers[:FAISS_QUERY_COUNT], queries.hashes[:FAISS_QUERY_COUNT])
    faiss.omp_set_num_threads(CORES)
    started, cpu_start = time.monotonic(), time.process_time()
    distances, positions = flat_index.search(first.hashes.reshape(-1, 32), MAX_HASH_HITS)
    cost = SearchCost(time.monotonic() - started, time.process_time() - cpu_start)
    faiss.omp_set_num_threads(1)
    hits = [
        [Hit(int(index) + 1, float(bits)) for index, bits in zip(*row, strict=True) if bits <= MAX_HASH_DISTANCE]
        for row in zip(positions, distances, strict=True)
    ]
    setup = SearchSetup("FAISS flat", MAX_HASH_HITS, len(first.numbers), CORES)
    return _build_row(setup, first, _group_by_picture(hits), cost) | {"own MiB a process": entries * 32 >> 20}
