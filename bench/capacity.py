"""Growth of costs with the number of pictures: measured at 10,000, 100,000 and 1,000,000; predicted from the first two.

The product's functions insert the rows: URLs, sightings, pictures, fingerprints, comparisons and the indexes of seen
pictures. The data are generated: random digests, hashes and descriptors mixed from real ones (:mod:`bench.retrieval`),
and typical headers and words, without files. At each size, the cost of a picture (decoding, measuring, search among the
works, comparison) is measured with real pictures in the proportions of the web (:func:`generate_web_pictures`) in the
matching step, and the cost of a new work by searches among the seen pictures.
"""

import io
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from bench.common import Progress, Row, TitledTable, save_rows
from bench.end_to_end import make_icon, read_processor_seconds
from bench.queries import open_photo
from bench.retrieval import generate_entries, measure_hash_statistics
from bench.retroactive import compute_descriptors, mix_descriptors
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.pictures.decode import Limits
from exhibit.types import Fingerprint, Sighting, Space
from indexer.edits import EDITS, apply
from indexer.picture.descriptor import BUILT_IN
from indexer.picture.features import extract
from indexer.picture.spaces import DESCRIPTOR, PHASH, PICTURE_PARTS, WHOLE
from indexer.search.seen_pictures import WorkQueries, create_work_queries, search_seen_pictures
from indexer.vectors.faiss_index import FaissIndex, get_max_rows
from indexer.vectors.faiss_rows import PROBES_OF_NEW_WORKS, choose_cell_count
from indexer.vectors.manifest import read_manifest
from registry.fingerprints.ports import get_descriptors, get_indexes

if TYPE_CHECKING:
    from bench.product import Product
    from registry.models import Owner

PICTURE_BYTES = 200_000
"""Declared size in bytes of a generated picture."""
PICTURES_PER_PAGE = 10
"""Number of pictures per page."""
HOST_COUNT = 20_000
WORDS = ("harbour", "market", "bridge", "mountain", "portrait", "winter", "river", "night", "garden", "tower")
REQUEST_HEADERS = (("user-agent", "Exhibit (+https://example.org/bot)"), ("accept", "image/avif,image/webp,image/*"))
RESPONSE_HEADERS = (
    ("content-type", "image/jpeg"), ("content-length", str(PICTURE_BYTES)),
    ("cache-control", "public, max-age=31536000"),
    ("last-modified", "Tue, 03 Mar 2026 08:12:44 GMT"), ("server", "nginx"), ("accept-ranges", "bytes"),
    ("date", "Tue, 24 Nov 2026 17:00:00 GMT"), ("strict-transport-security", "max-age=63072000"),
)  # fmt: skip
LARGE_SIZE = (1632, 1224)
"""Size with two megapixels."""
COPY_INTERVAL = 20
"""Every twentieth picture is a copy."""
SMALL_INTERVAL = 3
"""Every third picture is a thumbnail or an icon."""
SPACES = (PHASH.id, DESCRIPTOR.id)
Vectors = tuple[Iterator[NDArray[Any]], Iterator[NDArray[Any]]]
"""Iterators over hashes and descriptors."""


class RowWriter:
    """Inserts rows of generated pictures without files, all seen by one crawl.

    Args:
        owner: Owner of the watch.
        vectors: Vectors of the pictures.
        rng: Random number generator for the differences between pictures.
    """

    def __init__(
        self,
        owner: "Owner",
        vectors: Vectors,
        rng: np.random.Generator,
    ) -> None:
        from registry.models import Crawl, Watch

        self.created = 0
        number = owner.watches.count() + 1
        watch = Watch.objects.create(owner=owner, number=number, name="seen", sources=[], paused=True)
        self._crawl = Crawl.objects.create(watch=watch, number=1, started_at=now())
        self._vectors, self._rng = vectors, rng

    def generate(self, count: int) -> list[Sighting]:
        """Generate sightings of new pictures."""
        return [self._generate_sighting(self.created + number) for number in range(count)]

    def save(self, new_sightings: Sequence[Sighting]) -> None:
        """Save sightings of one slice, and their pictures as compared without a match."""
        from django.db import transaction

        from registry.crawls import crawling, sightings
        from registry.crawls.crawling import NewUrl
        from registry.db import steps
        from registry.models import CrawlSlice, FrontierUrl, Picture

        crawl_slice = CrawlSlice.objects.create(crawl=self._crawl, number=self.created + 1, started_at=now())
        urls = [
            NewUrl(url=sighting.image_url, kind="image", depth=1, page_url=sighting.page_url, context=sighting.context)
            for sighting in new_sightings
        ]
        with transaction.atomic():
            crawling.add_urls(crawl_slice.crawl_id, urls)
        with transaction.atomic():
            pictures = sightings.store_sightings(
                crawl_slice, [(sighting, "The town in winter, a walk") for sighting in new_sightings], "made"
            )
            crawling.mark_urls(crawl_slice, [sighting.key for sighting in urls], FrontierUrl.State.DONE)
        with transaction.atomic():
            self._save_fingerprints(pictures)
        with transaction.atomic():
            values = {"format": "JPEG", "width": 1632, "height": 1224, "searched": "made"}
            Picture.objects.filter(pk__in=pictures).update(**values)
            steps.finish(Picture, pictures)
        self.created += len(new_sightings)

    def _generate_sighting(self, number: int) -> Sighting:
        host = f"www{int(self._rng.pareto(0.7)) % HOST_COUNT}.example.com"
        token = f"{int(self._rng.integers(1 << 48)):012x}"
        image = f"https://images.{host}/gallery/{token}/{number}.jpg"
        return Sighting(
            final_url=image,
            digest=Digest(self._rng.bytes(32)),
            size=PICTURE_BYTES,
            media_type="image/jpeg",
            status=200,
            request_headers=REQUEST_HEADERS,
            response_headers=(*RESPONSE_HEADERS, ("etag", f'"{token}"')),
            peer="203.0.113.7:443",
            fetched_at=now(),
            certificate=f"valid {'ab' * 32}",
            page_url=f"https://{host}/articles/{number // PICTURES_PER_PAGE}/{'-'.join(self._draw_words(4))}.html",
            image_url=image,
            found_in="img",
            context=" ".join(self._draw_words(12)),
        )

    def _draw_words(self, count: int) -> list[str]:
        return [WORDS[index] for index in self._rng.integers(0, len(WORDS), count)]

    def _save_fingerprints(self, pictures: Sequence[int]) -> None:
        from registry.fingerprints import fingerprints
        from registry.fingerprints.fingerprints import Collection
        from registry.models import Picture

        digests = dict(Picture.objects.filter(pk__in=pictures).values_list("pk", "digest"))
        rows = [
            (picture, Fingerprint(digests[picture], space, WHOLE, vector.tobytes()))
            for space, vectors in zip(SPACES, self._vectors, strict=True)
            for picture, vector in zip(pictures, islice(vectors, len(pictures)), strict=True)
        ]
        fingerprints.store_fingerprints((PHASH, DESCRIPTOR), rows)
        fingerprints.add_to_collection(Collection.PICTURES, pictures, PICTURE_PARTS)


SEARCHING_WORKS, WORKS_PER_PASS = 40, 4
"""Number of works that are searched for among the seen pictures, and number per pass, as in a message of the step."""
SOURCE_PHOTOS, EDITED_PHOTOS = 400, 15
"""Number of photographs from which vectors are mixed, and number of those whose edits show how hashes change."""


def measure_indexes(photos: Sequence[Path], sizes: Sequence[int], out: Path) -> Iterator[Row]:
    """Yield sizes and times of indexes for each number of pictures, each with one hash and one descriptor."""
    queries = [make_queries_from_file(path) for path in photos[:SEARCHING_WORKS]]
    sources = photos[-SOURCE_PHOTOS:]
    hash_changes, real_descriptors = measure_hash_statistics(sources, EDITED_PHOTOS), compute_descriptors(sources)
    for size in sizes:
        contents: dict[str, tuple[Space, Iterable[NDArray[Any]], int]] = {
            "hashes": (PHASH, (rows for _, rows in generate_entries(hash_changes, size)), size),
            "descriptors": (DESCRIPTOR, mix_descriptors(real_descriptors, size, 1), size),
        }
        row: dict[str, object] = {"pictures": size}
        with tempfile.TemporaryDirectory(prefix="exhibit-indexes-", dir=out.parent) as name:
            for index_name, (space, batches, count) in contents.items():
                folder = Path(name, index_name)
                row[f"make the {index_name}, s of a core"] = _measure_build(space, folder, batches, count)
                row[f"index of {index_name}, MB"] = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            yield row | measure_search_times(
                queries, *(FaissIndex(space, Path(name, index_name)) for index_name, (space, *_) in contents.items())
            )


def make_queries_from_file(path: Path) -> WorkQueries:
    """Return the queries of a photograph that is searched for among the seen pictures, like a new work."""
    data = path.read_bytes()
    return create_work_queries(data, extract(data, Limits(), descriptor=BUILT_IN), BUILT_IN, Limits())


def measure_search_times(
    queries: Sequence[WorkQueries], hashes: FaissIndex, descriptors: FaissIndex
) -> dict[str, float]:
    """Return CPU milliseconds of a work's search among the seen pictures, by index, without comparisons."""
    with tempfile.TemporaryDirectory() as empty_folder:
        empty = {space: FaissIndex(space, Path(empty_folder)) for space in (hashes.space, descriptors.space)}
        index_pairs = {"hashes": (hashes, empty[descriptors.space]), "descriptors": (empty[hashes.space], descriptors)}
        return {
            f"a new work against the {name} of all, ms": _measure_search(queries, *index_pair)
            for name, index_pair in index_pairs.items()
        }


def _measure_search(queries: Sequence[WorkQueries], hashes: FaissIndex, descriptors: FaissIndex) -> float:
    search_seen_pictures(queries[:WORKS_PER_PASS], hashes, descriptors)  # Maps the files.
    started = time.process_time()
    for start in range(0, len(queries), WORKS_PER_PASS):
        search_seen_pictures(queries[start : start + WORKS_PER_PASS], hashes, descriptors)
    return (time.process_time() - started) * 1000 / len(queries)


def _measure_build(space: Space, folder: Path, batches: Iterable[NDArray[Any]], count: int) -> float:
    """Return CPU seconds for writing the vectors, excluding their generation."""
    progress, generation_seconds = Progress(f"{space.name} made up", count), 0.0

    def number_batches() -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        nonlocal generation_seconds
        first, started = 1, time.process_time()
        for rows in batches:
            generation_seconds += time.process_time() - started
            yield np.arange(first, first + len(rows)), rows
            first, started = first + len(rows), time.process_time()
            progress(first - 1)
        generation_seconds += time.process_time() - started

    started = time.process_time()
    FaissIndex(space, folder).replace(number_batches(), count)
    return time.process_time() - started - generation_seconds


SIZES = (10_000, 100_000, 1_000_000)
WORKS = 200
SAMPLE_PICTURES, WARM_UP_PICTURES = 120, 20
"""Number of real pictures that are matched at each size, and before the first measurement."""
BATCH_PICTURES = 2_000
MAX_ERROR = 0.2


def _list_segments(pictures: float) -> Iterator[tuple[float, int]]:
    """Yield rows and cells of each segment of the descriptor index of this number of pictures, if built at once."""
    remaining, max_size = pictures, get_max_rows(DESCRIPTOR)
    while remaining > 0:
        yield min(remaining, max_size), choose_cell_count(int(min(remaining, max_size)))
        remaining -= max_size


DESIGN_GROWTH: dict[str, Callable[[float], float]] = {
    "index of descriptors": lambda n: sum(rows * (256 if cells else 1024) for rows, cells in _list_segments(n)),
    "a new work against the descriptors": lambda n: sum(
        cells + rows * PROBES_OF_NEW_WORKS / cells if cells else rows for rows, cells in _list_segments(n)
    ),
    "make the descriptors": lambda n: sum(rows * max(1, cells) for rows, cells in _list_segments(n)),
}
"""Growth of quantities that depend on the cells of the index: bytes, rows and cells searched, rows times cells."""


class CapacityRun:
    """An installation that grows and is measured.

    Args:
        product: Running product.
        registered: Files of the works.
        other_photos: Photographs from which all other pictures are generated.
        max_pictures: Final number of pictures.
        seed: Seed of all random choices.
    """

    def __init__(
        self, product: "Product", registered: Sequence[Path], other_photos: Sequence[Path], max_pictures: int, seed: int
    ) -> None:
        self._product, self._photos, self._seed = product, (registered, other_photos), seed
        started = read_processor_seconds()
        picture_ids = product.register_files(registered)
        milliseconds = (read_processor_seconds() - started) * 1000 / len(registered)
        print(f"registered {len(registered)} works, {milliseconds:.0f} ms of a core each", file=sys.stderr, flush=True)
        self._search_queries = list(_make_queries(product, picture_ids[:SEARCHING_WORKS]))
        self.measure_matching(0, WARM_UP_PICTURES)
        rng = np.random.default_rng(seed)
        self._rows = RowWriter(_get_owner(), _generate_vectors(other_photos, max_pictures), rng)
        self._cpu_seconds = {"keep the rows": 0.0, "take them into the indexes": 0.0}
        self._initial_usage = self._measure_disk_usage()

    def grow(self, size: int) -> dict[str, float]:
        """Insert pictures up to this number, and return the measurements."""
        progress = Progress("pictures seen", size)
        while self._rows.created < size:
            new_sightings = self._rows.generate(min(BATCH_PICTURES, size - self._rows.created))
            self._measure("keep the rows", partial(self._rows.save, new_sightings))
            self._measure("take them into the indexes", self._refresh_indexes)
            progress(self._rows.created)
        self._measure("take them into the indexes", self._flush_indexes)
        growth = {name: value - self._initial_usage[name] for name, value in self._measure_disk_usage().items()}
        cpu_seconds = {f"{name}, s of a core": value for name, value in self._cpu_seconds.items()}
        # In MB; it fluctuates independently of the size.
        wal_size = {"WAL that lies on disk": _measure_wal_size() / 1e6}
        return {
            **growth,
            **wal_size,
            **cpu_seconds,
            **measure_search_times(self._search_queries, *self._get_indexes()),
            **self.measure_matching(size),
        }

    def measure_matching(self, size: int, count: int = SAMPLE_PICTURES) -> dict[str, float]:
        """Measure real pictures in the matching step."""
        from bench.product import BATCH_SIZE
        from registry.matches.match import match_pictures

        data = list(generate_web_pictures(*self._photos, count, self._seed + size))
        started = read_processor_seconds()
        picture_ids = [self._product.add_seen_picture(content) for content in data]
        storing_seconds = read_processor_seconds() - started
        started = read_processor_seconds()
        for start in range(0, len(picture_ids), BATCH_SIZE):
            match_pictures(self._product.services, picture_ids[start : start + BATCH_SIZE])
        return {
            "keep its bytes, ms a picture": storing_seconds * 1000 / count,
            "match it, ms a picture": (read_processor_seconds() - started) * 1000 / count,
            "bytes, kB a picture": sum(map(len, data)) / count / 1000,
        }

    def _measure(self, name: str, action: Callable[[], object]) -> None:
        started = read_processor_seconds()
        action()
        self._cpu_seconds[name] += read_processor_seconds() - started

    def _refresh_indexes(self) -> None:
        from registry.fingerprints.fingerprints import Collection

        get_indexes(self._product.services).refresh(Collection.PICTURES)

    def _flush_indexes(self) -> None:
        """Flush the indexes, as if their tail were long. Processes then map vectors that each held in memory."""
        for index in self._get_indexes():
            index.flush()

    def _get_indexes(self) -> "list[FaissIndex]":
        from registry.fingerprints.fingerprints import Collection

        indexes = get_indexes(self._product.services)
        candidates = (indexes.get_index(Collection.PICTURES, space) for space in indexes.spaces)
        return [index for index in candidates if isinstance(index, FaissIndex)]

    def _measure_disk_usage(self) -> dict[str, float]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database()), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
            database, wal_bytes = map(float, cursor.fetchone())
        sizes = dict(zip(("hashes", "descriptors"), map(_measure_mapped_size, self._get_indexes()), strict=True))
        return {"database, MB": database / 1e6, "WAL written, MB": wal_bytes / 1e6} | {
            f"index of {name}, MB": size / 1e6 for name, size in sizes.items()
        }


def _measure_wal_size() -> float:
    """Return the bytes of the write-ahead log on disk, which checkpoints will recycle."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(size) FROM pg_ls_waldir()")
        return float(cursor.fetchone()[0])


def _measure_mapped_size(index: "FaissIndex") -> int:
    """Return the bytes of the index's current files, which searches map. Previous files are not included."""
    return sum((index.folder / name).stat().st_size for name in read_manifest(index.folder, index.space.id).files)


def measure(photos: Sequence[Path], sizes: Sequence[int], works: int, seed: int, out: Path) -> Iterator[TitledTable]:
    """Grow an installation in a temporary folder. The measurements of each size are saved immediately.

    Args:
        photos: Photographs for the works and for all other pictures.
        sizes: Numbers of pictures seen, ascending.
        works: Number of registered works, real photographs.
        seed: Seed of all random choices.
        out: Folder for the measurements.
    """
    shuffled = random.Random(seed).sample(list(photos), len(photos))
    registered, other_photos = shuffled[: min(works, len(shuffled) // 2)], shuffled[len(shuffled) // 2 :]
    with tempfile.TemporaryDirectory(prefix="exhibit-capacity-", dir=out.parent) as name:
        Path(name).chmod(0o755)
        os.environ.update(EXHIBIT_DATA=f"{name}/data", DJANGO_SETTINGS_MODULE="desk.settings")
        from bench.product import Product

        with Product() as product:
            run = CapacityRun(product, registered, other_photos, max(sizes), seed)
            table: list[Row] = []
            for size in sizes:
                table.append({"pictures": size, **run.grow(size)})
                save_rows(out, "capacity", table)
                print(f"{table[-1]}", file=sys.stderr, flush=True)
    yield "capacity", "What grows with the pictures", _transpose(table)
    yield from _compare_predictions(table)


def measure_indexes_only(photos: Sequence[Path], sizes: Sequence[int], out: Path) -> Iterator[TitledTable]:
    """Measure only the indexes of seen pictures at these sizes, without rows."""
    table: list[Row] = []
    for row in measure_indexes(photos, sizes, out):
        table.append(row)
        save_rows(out, "capacity-indexes", table)
    yield "capacity-indexes", "The indexes of everything seen, made in one go", _transpose(table)
    yield from _compare_predictions(table)


def _compare_predictions(table: Sequence[Row]) -> Iterator[TitledTable]:
    for row in table[2:]:
        small_size, large_size = (f"{base_row['pictures']:,}" for base_row in table[:2])
        title = f"{row['pictures']:,} pictures told from {small_size} and {large_size}, and measured"
        yield f"capacity-{row['pictures']}", title, list(_compute_errors(table[0], table[1], row))


def _get_owner() -> "Owner":
    from bench.product import OWNER_SLUG
    from registry.models import Owner

    return Owner.objects.get(slug=OWNER_SLUG)


def _make_queries(product: "Product", picture_ids: Sequence[int]) -> "Iterator[WorkQueries]":
    """Yield the queries of registered pictures for the search among the seen pictures."""
    from registry.matches.registered_works import make_queries
    from registry.models import WorkPicture
    from registry.works.marks import load_registered_pictures

    services = product.services
    get_descriptors(services).refresh()
    for picture in load_registered_pictures(
        WorkPicture.objects.filter(pk__in=picture_ids).values_list("picture", flat=True)
    ).values():
        yield make_queries(services, picture)[0]


def _generate_vectors(photos: Sequence[Path], count: int) -> Vectors:
    """Return ``count`` hashes and descriptors, mixed from those of photographs."""
    sources = photos[:SOURCE_PHOTOS]
    hashes, descriptors = measure_hash_statistics(sources, EDITED_PHOTOS), compute_descriptors(sources)
    return (
        (row for _, batch in generate_entries(hashes, count) for row in batch),
        chain.from_iterable(mix_descriptors(descriptors, count, 1)),
    )


def _transpose(table: Sequence[Row]) -> list[Row]:
    """Transpose a table: one row for each measurement, one column for each size."""
    names = list(islice(table[0], 1, None))
    return [{"what": name, **{f"{row['pictures']:,}": row[name] for row in table}} for name in names]


def _compute_errors(first: Row, second: Row, last: Row) -> Iterator[Row]:
    """Yield the predictions for the last size from the first two, with the measured values."""
    sizes = [float(str(row["pictures"])) for row in (first, second, last)]
    for name in islice(first, 1, None):
        small_value, large_value, actual = (float(str(row[name])) for row in (first, second, last))
        predicted = predict(name, sizes, small_value, large_value)
        error = predicted / actual - 1 if actual else 0.0
        yield {
            "what": name,
            "told": predicted,
            "measured": actual,
            "error": f"{error:+.0%}",
            "within a fifth": "yes" if abs(error) <= MAX_ERROR else "no",
        }


def predict(name: str, sizes: Sequence[float], small_value: float, large_value: float) -> float:
    """Predict the last size from the first two.

    Measurements per picture are constant. All others grow linearly, except those of the descriptor index, which is
    divided into cells above a number of rows (:mod:`indexer.vectors.faiss_rows`). These grow from the second size as
    their design predicts.
    """
    small_size, large_size, target_size = sizes
    if name.endswith("a picture"):
        return (small_value + large_value) / 2
    if growth := next((law for name_prefix, law in DESIGN_GROWTH.items() if name.startswith(name_prefix)), None):
        return large_value * growth(target_size) / growth(large_size)
    return large_value + (large_value - small_value) * (target_size - large_size) / (large_size - small_size)


def generate_web_pictures(works: Sequence[Path], unrelated: Sequence[Path], count: int, seed: int) -> Iterator[bytes]:
    """Yield picture files in the proportions of the web: 95% unrelated; two thirds with 2 megapixels, one third small.

    Smaller photos are enlarged, with a little sensor grain.

    Args:
        works: Photographs from which the copies are made.
        unrelated: Photographs from which all other pictures are made.
        count: Number of pictures.
        seed: Seed of all random choices.
    """
    rng = random.Random(seed)
    edits = list(EDITS)
    for number in range(count):
        path = unrelated[number % len(unrelated)]
        if number % COPY_INTERVAL == COPY_INTERVAL - 1:
            name = rng.choice(edits)
            edited = apply(name, open_photo(rng.choice(works)), [open_photo(path)], rng.getrandbits(30))
            with Image.open(io.BytesIO(edited.data)) as picture:
                yield _encode_jpeg(_make_large(picture.convert("RGB")))
        elif number % SMALL_INTERVAL == 0:
            yield make_icon(rng) if rng.random() < 0.4 else _make_thumbnail(path, rng)
        else:
            yield _encode_jpeg(_make_large(open_photo(path)))


def _make_large(picture: Image.Image) -> Image.Image:
    size = LARGE_SIZE if picture.width >= picture.height else LARGE_SIZE[::-1]
    enlarged = ImageOps.fit(picture, size, Image.Resampling.BICUBIC)
    grain = Image.effect_noise(size, 6).convert("RGB")
    return Image.blend(enlarged, grain, 0.06)


def _make_thumbnail(path: Path, rng: random.Random) -> bytes:
    thumbnail = open_photo(path)
    side = rng.choice([64, 100, 120, 150, 160, 200, 240])
    thumbnail.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _encode_jpeg(thumbnail)


def _encode_jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
