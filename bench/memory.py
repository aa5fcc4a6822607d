"""Memory of a worker that matches pictures among very many works, by its parts.

The indexes have the real form and size, made of real photographs (:mod:`bench.crowd`). The lists of the votes are drawn
at random instead of trained, which would take an hour without changing any size. The worker is a separate process with
all imports of the product, a full cache of features, and its decoding helper.
"""

import multiprocessing
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from bench.common import Progress, Row
from bench.crowd import EDITED, FEWEST, Photographs, make_crowd, open_crowd
from bench.retrieval import real_hashes
from exhibit.types import Untyped
from indexer.picture.features import extract
from indexer.picture.local_features import WIDTH, to_unit_rows
from indexer.search.search import find_works
from indexer.votes.codec import GRAPH_FROM, GRAPH_NEIGHBOURS, choose_list_count, create_codec, faiss, shipped_codec

MATCHED_PICTURES = 300
"""Pictures that the worker matches."""
EARLY = 20
"""Number of pictures after which everything was used once, while few works are cached."""


def measure(photos: Sequence[Path], works: int, seed: int, out: Path) -> list[Row]:
    """Create the indexes of ``works`` works, and measure a worker's memory, step by step.

    Args:
        photos: Photographs, half of which (at most a thousand) are registered; the others are matched.
        works: Number of works.
        seed: Seed of that division.
        out: Folder for features and indexes.
    """
    dealt = random.Random(seed).sample(list(photos), len(photos))
    registered, queries = dealt[: min(FEWEST, len(dealt) // 2)], dealt[len(dealt) // 2 :][:MATCHED_PICTURES]
    folder, progress = out / "memory", Progress("works measured", len(registered))
    real = Photographs(registered, folder / "features")
    local = []
    for number in range(len(real)):
        local.append(real[number].local.descriptors)
        progress(number + 1)
    codec = random_codec(choose_list_count(works), np.concatenate(local))
    make_crowd(works, real, 0, real_hashes(registered, EDITED), folder / str(works), codec)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_worker, registered, queries, works, folder).result()


def random_codec(lists: int, descriptors: np.ndarray) -> Untyped:
    """Return a codec with this number of lists around existing descriptors, with the code book of the product."""
    if lists == shipped_codec().nlist:
        return shipped_codec()
    centres = faiss.IndexHNSWFlat(WIDTH, GRAPH_NEIGHBOURS) if lists >= GRAPH_FROM else faiss.IndexFlatL2(WIDTH)
    samples = descriptors[np.linspace(0, len(descriptors) - 1, lists).astype(np.int64)]
    centres.add(to_unit_rows(samples))
    return create_codec(centres, shipped_codec().pq)


def _worker(registered: Sequence[Path], queries: Sequence[Path], works: int, folder: Path) -> list[Row]:
    rows = [_row("Python, this benchmark, libraries of pictures and indexes")]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    import django  # noqa: PLC0415 - its memory is measured

    django.setup()
    import workers.tasks.tasks  # noqa: F401, PLC0415

    rows.append(_row("Django, Celery, and all steps"))
    crowd = open_crowd(works, Photographs(registered, folder / "features"), 0, folder / str(works))
    rows.append(_row(f"indexes of {works:,} works opened"))
    for number, path in enumerate(queries, start=1):
        data = path.read_bytes()
        find_works(extract(data), _constant(data), crowd)
        if number in (EARLY, len(queries) // 2, len(queries)):
            rows.append(_row(f"{number} pictures matched"))
    return [*rows, {"after": "at most", "MiB": round(_peak()), "its own": "", "mapped files": "", "helper": ""}]


def _constant(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def _row(after: str) -> Row:
    """Return resident MiB: total, anonymous, and mapped files shared by all workers; of the helper only the total."""
    lines = (line.split() for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()[1:])
    sizes = {name.rstrip(":"): int(size) / 1024 for name, size, *_ in lines}
    whole, own = sizes["Rss"], sizes["Anonymous"]
    return {
        "after": after,
        "MiB": round(whole),
        "its own": round(own),
        "mapped files": round(whole - own),
        "helper": round(_helpers()),
    }


def _peak() -> float:
    """Return the peak from the kernel's count for this program, unlike ``ru_maxrss`` without that of its parent."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _helpers() -> float:
    import psutil  # noqa: PLC0415

    return sum(child.memory_info().rss for child in psutil.Process().children()) / 2**20
