"""Cost of unrelated pictures by size, for Exhibit and its peers, because the ratio depends on the size."""

import io
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageOps

from bench.common import Progress, Row, read_processor_seconds, run_tasks
from bench.matching.peers import LoadedPicture, Retriever
from bench.matching.registered import RegisteredWorks
from bench.queries import open_photo
from indexer.picture.features import compute_fingerprints
from indexer.picture.spaces import STORED_LOCAL_FEATURES, WORK_PARTS

MEGAPIXELS = (0.1, 0.3, 1.0, 2.0)
PICTURES_BY_MEGAPIXELS = {0.04: 4, 0.25: 21, 0.58: 7, 1.06: 1, 2.4: 6}
"""Numbers of pictures by rounded megapixels, of four pages with 39 pictures in total: `startbootstrap-agency` 7.0.12,
`-creative` 7.0.7, `-freelancer` 7.0.7 and `-clean-blog` 6.0.9 in `bench/reach_sites.csv`, according to their files.
"""
PAGES_LABEL = "pages"
WARM_UP_PICTURES = 3
MAX_MEASURED_WORKS = 100
"""Maximum number of works whose stored bytes are counted."""
BYTES_PER_VOTE = 16 + 8
"""Bytes of the code and the number of a keypoint."""
DEFAULT_CORES = 2
PARALLEL_WARM_UP = 20
"""Pictures before the clock of parallel processes starts, so that each has started its sandboxed helper process."""


def resize_to_jpeg(path: Path, megapixels: float) -> bytes:
    """Return a photograph at this size as a JPEG. Smaller ones are enlarged, with a little sensor grain."""
    picture = open_photo(path)
    factor = (megapixels * 1e6 / (picture.width * picture.height)) ** 0.5
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    resized = ImageOps.fit(picture, size, Image.Resampling.BICUBIC)
    if factor > 1:
        resized = Image.blend(resized, Image.effect_noise(size, 6).convert("RGB"), 0.06)
    out = io.BytesIO()
    resized.save(out, "JPEG", quality=85)
    return out.getvalue()


def build_table(
    photos: Sequence[Path],
    count: int,
    registered: RegisteredWorks,
    retrievers: Sequence[Retriever],
    cores: int = DEFAULT_CORES,
) -> list[Row]:
    """Measure CPU milliseconds per picture, including decoding, at each size and for pages, and pictures per second.

    Args:
        photos: Unrelated photos.
        count: Number of pictures of each size.
        registered: Works that Exhibit compares with.
        retrievers: Peers with the same works.
        cores: Number of parallel processes for the pictures per second of pages.
    """
    inputs: dict[str, list[bytes]] = {
        f"{size:g} MP": [resize_to_jpeg(path, size) for path in itertools.islice(itertools.cycle(photos), count)]
        for size in MEGAPIXELS
    }
    inputs[PAGES_LABEL] = _make_page_pictures(photos, count)
    systems: dict[str, tuple[Callable[[bytes], object], object]] = {
        retriever.name: (
            lambda data, retriever=retriever: retriever.compute_distances(LoadedPicture(data)),  # type: ignore[misc]
            round(retriever.bytes_per_picture),
        )
        for retriever in retrievers
    }
    systems["Exhibit whole"] = (
        lambda data: registered.match_picture(LoadedPicture(data)),
        _measure_bytes_per_work(registered),
    )
    progress, rows = Progress("who is timed by size", len(systems)), list[Row]()
    for number, (name, (system, stored_bytes)) in enumerate(systems.items(), start=1):
        row: dict[str, object] = {"what": name}
        for title, data in inputs.items():
            row[f"{title}, ms"] = _measure_milliseconds(system, data)
        row[f"{PAGES_LABEL}, pictures/s on {cores} cores"] = _measure_throughput(system, inputs[PAGES_LABEL], cores)
        row["bytes a work"] = stored_bytes
        rows.append(row)
        progress(number)
    return rows


def _measure_bytes_per_work(registered: RegisteredWorks) -> int:
    """Return the mean bytes of a work: its vectors, and codes and numbers of its keypoints for local votes."""
    sizes = []
    for number in range(min(len(registered), MAX_MEASURED_WORKS)):
        features = registered.features(number)
        fingerprints = compute_fingerprints(features.digest, features)
        vectors = sum(len(fingerprint.vector) for fingerprint in fingerprints if fingerprint.part in WORK_PARTS)
        sizes.append(vectors + len(features.local.descriptors[:STORED_LOCAL_FEATURES]) * BYTES_PER_VOTE)
    return round(sum(sizes) / len(sizes))


def _make_page_pictures(photos: Sequence[Path], count: int) -> list[bytes]:
    """Return about ``count`` pictures with the size distribution of pages."""
    pictures, total = itertools.cycle(photos), sum(PICTURES_BY_MEGAPIXELS.values())
    counts = {size: max(1, round(count * number / total)) for size, number in PICTURES_BY_MEGAPIXELS.items()}
    return [resize_to_jpeg(next(pictures), size) for size, number in counts.items() for _ in range(number)]


def _measure_milliseconds(system: Callable[[bytes], object], data: Sequence[bytes]) -> float:
    for picture in data[:WARM_UP_PICTURES]:
        system(picture)
    started = read_processor_seconds()
    for picture in data:
        system(picture)
    return (read_processor_seconds() - started) * 1000 / len(data)


def _measure_throughput(system: Callable[[bytes], object], data: Sequence[bytes], cores: int) -> float:
    """Return pictures per second of wall time with parallel processes, after a warm-up."""

    def run_system(picture: bytes) -> None:
        system(picture)

    finish_times = [time.monotonic() for _ in run_tasks(run_system, _add_warm_up(data), cores)]
    times = finish_times[PARALLEL_WARM_UP - 1 :]
    return (len(times) - 1) / (times[-1] - times[0])


def _add_warm_up(data: Sequence[bytes]) -> Iterator[bytes]:
    yield from itertools.islice(itertools.cycle(data), PARALLEL_WARM_UP)
    yield from data
