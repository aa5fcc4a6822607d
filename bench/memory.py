"""Memory of a worker that matches pictures with many works, by part.

The indexes have a realistic form and size, and are generated from real photographs (:mod:`bench.crowd`). The lists of
the vote index are drawn at random, because training would take an hour without changing a size. The worker is a
separate process with all imports of the product, a full feature cache, and its sandboxed helper process.
"""

import multiprocessing
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from bench.common import Progress, Row
from bench.crowd import EDITED_PHOTOS, MIN_WORKS, PhotoCollection, make_crowd, open_crowd
from bench.retrieval import measure_hash_statistics
from exhibit.types import Untyped
from indexer.picture.features import extract
from indexer.picture.local_features import DESCRIPTOR_WIDTH, to_unit_rows
from indexer.search.search import find_works
from indexer.votes.codec import (
    GRAPH_FROM,
    GRAPH_NEIGHBOUR_COUNT,
    choose_list_count,
    create_codec,
    faiss,
    load_shipped_codec,
)

MATCHED_PICTURES = 300
"""Number of pictures that the worker matches."""
EARLY_PICTURES = 20
"""Number of pictures after which all code was used once, while few works are cached."""


def measure(photos: Sequence[Path], works: int, seed: int, out: Path) -> list[Row]:
    """Create the indexes of ``works`` works, and measure the memory of a worker after each step.

    Args:
        photos: Photographs. Half of them, at most 1,000, are registered; the others are matched.
        works: Number of works.
        seed: Seed of this division.
        out: Folder for features and indexes.
    """
    shuffled = random.Random(seed).sample(list(photos), len(photos))
    registered, queries = (
        shuffled[: min(MIN_WORKS, len(shuffled) // 2)],
        shuffled[len(shuffled) // 2 :][:MATCHED_PICTURES],
    )
    folder, progress = out / "memory", Progress("works measured", len(registered))
    photos_with_features = PhotoCollection(registered, folder / "features")
    local_features = []
    for number in range(len(photos_with_features)):
        local_features.append(photos_with_features[number].local.descriptors)
        progress(number + 1)
    codec = make_random_codec(choose_list_count(works), np.concatenate(local_features))
    make_crowd(
        works, photos_with_features, 0, measure_hash_statistics(registered, EDITED_PHOTOS), folder / str(works), codec
    )
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run_worker, registered, queries, works, folder).result()


def make_random_codec(lists: int, descriptors: np.ndarray) -> Untyped:
    """Return a codec with random descriptors as list centres and the code book of the product."""
    if lists == load_shipped_codec().nlist:
        return load_shipped_codec()
    centres = (
        faiss.IndexHNSWFlat(DESCRIPTOR_WIDTH, GRAPH_NEIGHBOUR_COUNT)
        if lists >= GRAPH_FROM
        else faiss.IndexFlatL2(DESCRIPTOR_WIDTH)
    )
    samples = descriptors[np.linspace(0, len(descriptors) - 1, lists).astype(np.int64)]
    centres.add(to_unit_rows(samples))
    return create_codec(centres, load_shipped_codec().pq)


def _run_worker(registered: Sequence[Path], queries: Sequence[Path], works: int, folder: Path) -> list[Row]:
    rows = [_measure_row("Python, this benchmark, libraries of pictures and indexes")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    import django  # noqa: PLC0415 - its memory is measured

    django.setup()
    import workers.tasks.tasks  # noqa: F401, PLC0415

    rows.append(_measure_row("Django, Celery, and all steps"))
    crowd = open_crowd(works, PhotoCollection(registered, folder / "features"), 0, folder / str(works))
    rows.append(_measure_row(f"indexes of {works:,} works opened"))
    for number, path in enumerate(queries, start=1):
        data = path.read_bytes()
        find_works(extract(data), _make_constant(data), crowd)
        if number in (EARLY_PICTURES, len(queries) // 2, len(queries)):
            rows.append(_measure_row(f"{number} pictures matched"))
    return [
        *rows,
        {"after": "at most", "MiB": round(_read_peak_memory()), "its own": "", "mapped files": "", "helper": ""},
    ]


def _make_constant(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def _measure_row(step: str) -> Row:
    """Return resident MiB: total, anonymous, mapped files, which all workers share, and total of the helper process."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()[1:])
    sizes = {name.rstrip(":"): int(size) / 1024 for name, size, *_ in lines}
    total, private = sizes["Rss"], sizes["Anonymous"]
    return {
        "after": step,
        "MiB": round(total),
        "its own": round(private),
        "mapped files": round(total - private),
        "helper": round(_measure_helpers()),
    }


def _read_peak_memory() -> float:
    """Return the peak memory in MiB according to the kernel. Unlike ``ru_maxrss``, it excludes that of the parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _measure_helpers() -> float:
    import psutil  # noqa: PLC0415

    return sum(child.memory_info().rss for child in psutil.Process().children()) / 2**20
