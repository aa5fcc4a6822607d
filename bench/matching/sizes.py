"""Cost of unrelated pictures by size, Exhibit beside its peers in one run: no single size represents the ratio."""

import io
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageOps

from bench.common import Progress, Row, processor_seconds, run_each
from bench.matching.peers import LoadedPicture, Retriever
from bench.matching.registered import Registered
from bench.queries import open_photo
from indexer.picture.features import compute_fingerprints
from indexer.picture.spaces import STORED_LOCAL_FEATURES, WORK_PARTS

MEGAPIXELS = (0.1, 0.3, 1.0, 2.0)
PAGES = {0.04: 4, 0.25: 21, 0.58: 7, 1.06: 1, 2.4: 6}
"""Pictures by megapixels, rounded, of four pages with 39 pictures in total: those of `startbootstrap-agency` 7.0.12,
`-creative` 7.0.7, `-freelancer` 7.0.7 and `-clean-blog` 6.0.9 in `bench/reach_sites.csv`, according to their files.
"""
A_PAGE = "pages"
WARM_UP = 3
MAX_MEASURED = 100
"""Maximum number of works whose stored bytes are counted."""
A_VOTE = 16 + 8
"""Bytes of a keypoint's code and of its number."""
CORES = 2
AT_ONCE = 20
"""Pictures before the clock of several processes starts, after which each of them has its helper."""


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


def table(
    photos: Sequence[Path], count: int, registered: Registered, retrievers: Sequence[Retriever], cores: int = CORES
) -> list[Row]:
    """Return CPU milliseconds for a picture at each size and for pages, including decoding, and pictures a second.

    Args:
        photos: Unrelated photos.
        count: Number of pictures of each size.
        registered: Works that Exhibit compares with.
        retrievers: Peers with the same works.
        cores: Number of parallel processes, for pictures a second of pages.
    """
    inputs: dict[str, list[bytes]] = {
        f"{size:g} MP": [resize_to_jpeg(path, size) for path in itertools.islice(itertools.cycle(photos), count)]
        for size in MEGAPIXELS
    }
    inputs[A_PAGE] = _pages(photos, count)
    ways: dict[str, tuple[Callable[[bytes], object], object]] = {
        retriever.name: (
            lambda data, retriever=retriever: retriever.distances(LoadedPicture(data)),  # type: ignore[misc]
            round(retriever.bytes_each),
        )
        for retriever in retrievers
    }
    ways["Exhibit whole"] = (lambda data: registered.match(LoadedPicture(data)), _bytes_each(registered))
    progress, rows = Progress("who is timed by size", len(ways)), list[Row]()
    for number, (name, (way, size_kept)) in enumerate(ways.items(), start=1):
        row: dict[str, object] = {"what": name}
        for title, data in inputs.items():
            row[f"{title}, ms"] = _milliseconds(way, data)
        row[f"{A_PAGE}, pictures/s on {cores} cores"] = _pictures_per_second(way, inputs[A_PAGE], cores)
        row["bytes a work"] = size_kept
        rows.append(row)
        progress(number)
    return rows


def _bytes_each(registered: Registered) -> int:
    """Return the mean bytes of a work's vectors, and of the codes and numbers of its keypoints that receive votes."""
    sizes = []
    for number in range(min(len(registered), MAX_MEASURED)):
        features = registered.features(number)
        every = compute_fingerprints(features.digest, features)
        vectors = sum(len(fingerprint.vector) for fingerprint in every if fingerprint.part in WORK_PARTS)
        sizes.append(vectors + len(features.local.descriptors[:STORED_LOCAL_FEATURES]) * A_VOTE)
    return round(sum(sizes) / len(sizes))


def _pages(photos: Sequence[Path], count: int) -> list[bytes]:
    """Return about as many pictures, in the proportions of sizes that pages have."""
    pictures, total = itertools.cycle(photos), sum(PAGES.values())
    shares = {size: max(1, round(count * number / total)) for size, number in PAGES.items()}
    return [resize_to_jpeg(next(pictures), size) for size, number in shares.items() for _ in range(number)]


def _milliseconds(way: Callable[[bytes], object], data: Sequence[bytes]) -> float:
    for picture in data[:WARM_UP]:
        way(picture)
    began = processor_seconds()
    for picture in data:
        way(picture)
    return (processor_seconds() - began) * 1000 / len(data)


def _pictures_per_second(way: Callable[[bytes], object], data: Sequence[bytes], cores: int) -> float:
    """Return pictures a second of wall time with several parallel processes, after a warm-up."""

    def ask(picture: bytes) -> None:
        way(picture)

    ended = [time.monotonic() for _ in run_each(ask, _with_warm_up(data), cores)]
    times = ended[AT_ONCE - 1 :]
    return (len(times) - 1) / (times[-1] - times[0])


def _with_warm_up(data: Sequence[bytes]) -> Iterator[bytes]:
    yield from itertools.islice(itertools.cycle(data), AT_ONCE)
    yield from data
