"""Growth with the number of pictures: measured at 10,000, 100,000 and 1,000,000, and predicted from the first two.

Rows are inserted by the product's own functions: URLs, sightings, pictures, fingerprints, comparisons and the indexes
of everything seen. The data are generated: random digests, hashes and descriptors mixed from real ones
(:mod:`bench.retrieval`), typical headers and words, and no files. The cost of each picture (decode, measure, search the
works, compare) is measured at each size with real pictures in the proportions of the web (:func:`mix`), which pass the
matching step; likewise the works that search everything seen.
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
from bench.end_to_end import icon, processor_seconds
from bench.queries import open_photo
from bench.retrieval import entries_of, real_hashes
from bench.retroactive import descriptors_of, mix_descriptors
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.pictures.decode import Limits
from exhibit.types import Fingerprint, Sighting, Space
from indexer.edits import EDITS, apply
from indexer.picture.descriptor import BUILT_IN
from indexer.picture.features import extract
from indexer.picture.spaces import DESCRIPTOR, PHASH, PICTURE_PARTS, WHOLE
from indexer.search.seen_pictures import WorkQueries, create_work_queries, search_seen_pictures
from indexer.vectors.faiss_index import FaissIndex, max_rows
from indexer.vectors.faiss_rows import PROBES_OF_NEW_WORKS, cell_count
from indexer.vectors.manifest import read_manifest
from registry.fingerprints.ports import get_descriptors, get_indexes

if TYPE_CHECKING:
    from bench.product import Product
    from registry.models import Owner

SIZE = 200_000
"""Declared size in bytes of a generated picture."""
PICTURES_PER_PAGE = 10
"""Pictures on a page."""
HOSTS = 20_000
WORDS = ("harbour", "market", "bridge", "mountain", "portrait", "winter", "river", "night", "garden", "tower")
SENT = (("user-agent", "Exhibit (+https://example.org/bot)"), ("accept", "image/avif,image/webp,image/*"))
RECEIVED = (
    ("content-type", "image/jpeg"), ("content-length", str(SIZE)), ("cache-control", "public, max-age=31536000"),
    ("last-modified", "Tue, 03 Mar 2026 08:12:44 GMT"), ("server", "nginx"), ("accept-ranges", "bytes"),
    ("date", "Tue, 24 Nov 2026 17:00:00 GMT"), ("strict-transport-security", "max-age=63072000"),
)  # fmt: skip
LARGE = (1632, 1224)
"""Two megapixels."""
COPIES = 20
"""Every twentieth picture is a copy."""
SMALL = 3
"""Every third one is a thumbnail or an icon."""
SPACES = (PHASH.id, DESCRIPTOR.id)
Vectors = tuple[Iterator[NDArray[Any]], Iterator[NDArray[Any]]]
"""Hashes and descriptors."""


class Rows:
    """Inserts rows of generated pictures without files, all seen by one crawl.

    Args:
        owner: Owner of the watch.
        vectors: Vectors of the pictures.
        chance: Random numbers that make the pictures different.
    """

    def __init__(
        self,
        owner: "Owner",
        vectors: Vectors,
        chance: np.random.Generator,
    ) -> None:
        from registry.models import Crawl, Watch

        self.created = 0
        number = owner.watches.count() + 1
        watch = Watch.objects.create(owner=owner, number=number, name="seen", sources=[], paused=True)
        self._crawl = Crawl.objects.create(watch=watch, number=1, started_at=now())
        self._vectors, self._chance = vectors, chance

    def generate(self, count: int) -> list[Sighting]:
        """Generate sightings of new pictures."""
        return [self._sighting(self.created + number) for number in range(count)]

    def save(self, seen: Sequence[Sighting]) -> None:
        """Save sightings of one slice, and their pictures as compared without a match."""
        from django.db import transaction

        from registry.crawls import crawling, sightings
        from registry.crawls.crawling import NewUrl
        from registry.db import steps
        from registry.models import CrawlSlice, FrontierUrl, Picture

        crawl_slice = CrawlSlice.objects.create(crawl=self._crawl, number=self.created + 1, started_at=now())
        urls = [
            NewUrl(url=sighting.image_url, kind="image", depth=1, page_url=sighting.page_url, context=sighting.context)
            for sighting in seen
        ]
        with transaction.atomic():
            crawling.add_urls(crawl_slice.crawl_id, urls)
        with transaction.atomic():
            pictures = sightings.store_sightings(
                crawl_slice, [(sighting, "The town in winter, a walk") for sighting in seen], "made"
            )
            crawling.mark_urls(crawl_slice, [sighting.key for sighting in urls], FrontierUrl.State.DONE)
        with transaction.atomic():
            self._fingerprints(pictures)
        with transaction.atomic():
            values = {"format": "JPEG", "width": 1632, "height": 1224, "searched": "made"}
            Picture.objects.filter(pk__in=pictures).update(**values)
            steps.finish(Picture, pictures)
        self.created += len(seen)

    def _sighting(self, number: int) -> Sighting:
        host = f"www{int(self._chance.pareto(0.7)) % HOSTS}.example.com"
        mark = f"{int(self._chance.integers(1 << 48)):012x}"
        image = f"https://images.{host}/gallery/{mark}/{number}.jpg"
        return Sighting(
            final_url=image,
            digest=Digest(self._chance.bytes(32)),
            size=SIZE,
            media_type="image/jpeg",
            status=200,
            request_headers=SENT,
            response_headers=(*RECEIVED, ("etag", f'"{mark}"')),
            peer="203.0.113.7:443",
            fetched_at=now(),
            certificate=f"valid {'ab' * 32}",
            page_url=f"https://{host}/articles/{number // PICTURES_PER_PAGE}/{'-'.join(self._words(4))}.html",
            image_url=image,
            found_in="img",
            context=" ".join(self._words(12)),
        )

    def _words(self, count: int) -> list[str]:
        return [WORDS[place] for place in self._chance.integers(0, len(WORDS), count)]

    def _fingerprints(self, pictures: Sequence[int]) -> None:
        from registry.fingerprints import fingerprints
        from registry.fingerprints.fingerprints import Collection
        from registry.models import Picture

        digests = dict(Picture.objects.filter(pk__in=pictures).values_list("pk", "digest"))
        rows = [
            (picture, Fingerprint(digests[picture], space, WHOLE, vector.tobytes()))
            for space, of in zip(SPACES, self._vectors, strict=True)
            for picture, vector in zip(pictures, islice(of, len(pictures)), strict=True)
        ]
        fingerprints.store_fingerprints((PHASH, DESCRIPTOR), rows)
        fingerprints.add_to(Collection.PICTURES, pictures, PICTURE_PARTS)


ASKING, TOGETHER = 40, 4
"""Works that search everything seen, and how many of them in one pass: as many as in a message of their step."""
SOURCES, EDITED = 400, 15
"""Photographs from which vectors are mixed, and how many are edited to measure which bits of hashes change."""


def measure_indexes(photos: Sequence[Path], sizes: Sequence[int], out: Path) -> Iterator[Row]:
    """Yield sizes and times of indexes for each number of pictures, each with one hash and one descriptor."""
    queries = [queries_of(path) for path in photos[:ASKING]]
    sources = photos[-SOURCES:]
    hash_changes, real = real_hashes(sources, EDITED), descriptors_of(sources)
    for size in sizes:
        contents: dict[str, tuple[Space, Iterable[NDArray[Any]], int]] = {
            "hashes": (PHASH, (rows for _, rows in entries_of(hash_changes, size)), size),
            "descriptors": (DESCRIPTOR, mix_descriptors(real, size, 1), size),
        }
        row: dict[str, object] = {"pictures": size}
        with tempfile.TemporaryDirectory(prefix="exhibit-indexes-", dir=out.parent) as name:
            for what, (space, batches, count) in contents.items():
                folder = Path(name, what)
                row[f"make the {what}, s of a core"] = _build_seconds(space, folder, batches, count)
                row[f"index of {what}, MB"] = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
            yield row | search_times(
                queries, *(FaissIndex(space, Path(name, what)) for what, (space, *_) in contents.items())
            )


def queries_of(path: Path) -> WorkQueries:
    """Return the queries with which a photograph, as a new work, searches everything seen."""
    data = path.read_bytes()
    return create_work_queries(data, extract(data, Limits(), descriptor=BUILT_IN), BUILT_IN, Limits())


def search_times(queries: Sequence[WorkQueries], hashes: FaissIndex, descriptors: FaissIndex) -> dict[str, float]:
    """Return CPU milliseconds of a work's search of everything seen, by index, without comparing the candidates."""
    with tempfile.TemporaryDirectory() as nowhere:
        empty = {space: FaissIndex(space, Path(nowhere)) for space in (hashes.space, descriptors.space)}
        ways = {"hashes": (hashes, empty[descriptors.space]), "descriptors": (empty[hashes.space], descriptors)}
        return {
            f"a new work against the {name} of all, ms": _search_milliseconds(queries, *both)
            for name, both in ways.items()
        }


def _search_milliseconds(queries: Sequence[WorkQueries], hashes: FaissIndex, descriptors: FaissIndex) -> float:
    search_seen_pictures(queries[:TOGETHER], hashes, descriptors)  # maps the files
    began = time.process_time()
    for start in range(0, len(queries), TOGETHER):
        search_seen_pictures(queries[start : start + TOGETHER], hashes, descriptors)
    return (time.process_time() - began) * 1000 / len(queries)


def _build_seconds(space: Space, folder: Path, batches: Iterable[NDArray[Any]], count: int) -> float:
    """Return CPU seconds of writing the vectors, without those of generating them."""
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
    FaissIndex(space, folder).replace(numbered(), count)
    return time.process_time() - began - making


SIZES = (10_000, 100_000, 1_000_000)
WORKS = 200
SAMPLE, WARM_UP = 120, 20
"""Real pictures that are matched at each size, and before the first one."""
AT_ONCE = 2_000
LARGEST_ERROR = 0.2


def _segments(pictures: float) -> Iterator[tuple[float, int]]:
    """Yield rows and cells of each segment of the descriptors of this number of pictures, written in one go."""
    remaining, max_size = pictures, max_rows(DESCRIPTOR)
    while remaining > 0:
        yield min(remaining, max_size), cell_count(int(min(remaining, max_size)))
        remaining -= max_size


BY_DESIGN: dict[str, Callable[[float], float]] = {
    "index of descriptors": lambda n: sum(rows * (256 if cells else 1024) for rows, cells in _segments(n)),
    "a new work against the descriptors": lambda n: sum(
        cells + rows * PROBES_OF_NEW_WORKS / cells if cells else rows for rows, cells in _segments(n)
    ),
    "make the descriptors": lambda n: sum(rows * max(1, cells) for rows, cells in _segments(n)),
}
"""Quantities that grow in steps: with bytes, with the rows and cells searched, with rows times cells."""


class Capacity:
    """An installation that grows and is measured.

    Args:
        product: Running product.
        registered: Files of the works.
        other_photos: Photographs from which everything else is generated.
        max_pictures: Final number of pictures.
        seed: Seed of all random choices.
    """

    def __init__(
        self, product: "Product", registered: Sequence[Path], other_photos: Sequence[Path], max_pictures: int, seed: int
    ) -> None:
        self._product, self._photos, self._seed = product, (registered, other_photos), seed
        began = processor_seconds()
        picture_ids = product.register_files(registered)
        each = (processor_seconds() - began) * 1000 / len(registered)
        print(f"registered {len(registered)} works, {each:.0f} ms of a core each", file=sys.stderr, flush=True)
        self._asking = list(_queries(product, picture_ids[:ASKING]))
        self.measure_matching(0, WARM_UP)
        chance = np.random.default_rng(seed)
        self._rows = Rows(_owner(), _vectors(other_photos, max_pictures), chance)
        self._spent = {"keep the rows": 0.0, "take them into the indexes": 0.0}
        self._none = self._disk_usage()

    def grow(self, size: int) -> dict[str, float]:
        """Insert pictures up to this number, and measure."""
        progress = Progress("pictures seen", size)
        while self._rows.created < size:
            new_sightings = self._rows.generate(min(AT_ONCE, size - self._rows.created))
            self._timed("keep the rows", partial(self._rows.save, new_sightings))
            self._timed("take them into the indexes", self._refresh_indexes)
            progress(self._rows.created)
        self._timed("take them into the indexes", self._flush_indexes)
        grown = {name: value - self._none[name] for name, value in self._disk_usage().items()}
        spent = {f"{name}, s of a core": value for name, value in self._spent.items()}
        wal = {"WAL that lies on disk": _wal_size() / 1e6}  # MB; fluctuates, independently of the size
        return {**grown, **wal, **spent, **search_times(self._asking, *self._indexes()), **self.measure_matching(size)}

    def measure_matching(self, size: int, count: int = SAMPLE) -> dict[str, float]:
        """Measure real pictures passing their step."""
        from bench.product import BATCH
        from registry.matches.match import match_pictures

        data = list(mix(*self._photos, count, self._seed + size))
        began = processor_seconds()
        picture_ids = [self._product.add_seen_picture(content) for content in data]
        storing = processor_seconds() - began
        began = processor_seconds()
        for start in range(0, len(picture_ids), BATCH):
            match_pictures(self._product.services, picture_ids[start : start + BATCH])
        return {
            "keep its bytes, ms a picture": storing * 1000 / count,
            "match it, ms a picture": (processor_seconds() - began) * 1000 / count,
            "bytes, kB a picture": sum(map(len, data)) / count / 1000,
        }

    def _timed(self, name: str, does: Callable[[], object]) -> None:
        began = processor_seconds()
        does()
        self._spent[name] += processor_seconds() - began

    def _refresh_indexes(self) -> None:
        from registry.fingerprints.fingerprints import Collection

        get_indexes(self._product.services).refresh(Collection.PICTURES)

    def _flush_indexes(self) -> None:
        """Flush the indexes, as when the tail is long: all processes then map what each held in its own memory."""
        for index in self._indexes():
            index.flush()

    def _indexes(self) -> "list[FaissIndex]":
        from registry.fingerprints.fingerprints import Collection

        indexes = get_indexes(self._product.services)
        candidates = (indexes.of(Collection.PICTURES, space) for space in indexes.spaces)
        return [index for index in candidates if isinstance(index, FaissIndex)]

    def _disk_usage(self) -> dict[str, float]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database()), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
            database, wal_bytes = map(float, cursor.fetchone())
        sizes = dict(zip(("hashes", "descriptors"), map(_mapped, self._indexes()), strict=True))
        return {"database, MB": database / 1e6, "WAL written, MB": wal_bytes / 1e6} | {
            f"index of {name}, MB": size / 1e6 for name, size in sizes.items()
        }


def _wal_size() -> float:
    """Return the bytes of the write-ahead log that PostgreSQL currently keeps, until checkpoints recycle it."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(size) FROM pg_ls_waldir()")
        return float(cursor.fetchone()[0])


def _mapped(index: "FaissIndex") -> int:
    """Return the bytes of the index's current files, which searches map. Previous files remain for a while."""
    return sum((index.folder / name).stat().st_size for name in read_manifest(index.folder, index.space.id).files)


def measure(photos: Sequence[Path], sizes: Sequence[int], works: int, seed: int, out: Path) -> Iterator[TitledTable]:
    """Grow an installation in a temporary folder. The measurements of each size are saved immediately.

    Args:
        photos: Photographs for the works and for everything else.
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
            run = Capacity(product, registered, other_photos, max(sizes), seed)
            table: list[Row] = []
            for size in sizes:
                table.append({"pictures": size, **run.grow(size)})
                save_rows(out, "capacity", table)
                print(f"{table[-1]}", file=sys.stderr, flush=True)
    yield "capacity", "What grows with the pictures", _transpose(table)
    yield from _compare_predictions(table)


def measure_indexes_only(photos: Sequence[Path], sizes: Sequence[int], out: Path) -> Iterator[TitledTable]:
    """Measure only the indexes of everything seen at these sizes, without rows."""
    table: list[Row] = []
    for row in measure_indexes(photos, sizes, out):
        table.append(row)
        save_rows(out, "capacity-indexes", table)
    yield "capacity-indexes", "The indexes of everything seen, made in one go", _transpose(table)
    yield from _compare_predictions(table)


def _compare_predictions(table: Sequence[Row]) -> Iterator[TitledTable]:
    for row in table[2:]:
        few, more = (f"{base['pictures']:,}" for base in table[:2])
        title = f"{row['pictures']:,} pictures told from {few} and {more}, and measured"
        yield f"capacity-{row['pictures']}", title, list(_errors(table[0], table[1], row))


def _owner() -> "Owner":
    from bench.product import OWNER
    from registry.models import Owner

    return Owner.objects.get(slug=OWNER)


def _queries(product: "Product", picture_ids: Sequence[int]) -> "Iterator[WorkQueries]":
    """Yield the queries with which registered pictures search everything seen."""
    from registry.matches.registered_works import make_queries
    from registry.models import WorkPicture
    from registry.works.marks import load_registered_pictures

    services = product.services
    get_descriptors(services).refresh()
    for picture in load_registered_pictures(
        WorkPicture.objects.filter(pk__in=picture_ids).values_list("picture", flat=True)
    ).values():
        yield make_queries(services, picture)[0]


def _vectors(photos: Sequence[Path], count: int) -> Vectors:
    """Return ``count`` hashes and descriptors, mixed from those of photographs."""
    sources = photos[:SOURCES]
    hashes, real = real_hashes(sources, EDITED), descriptors_of(sources)
    return (
        (row for _, batch in entries_of(hashes, count) for row in batch),
        chain.from_iterable(mix_descriptors(real, count, 1)),
    )


def _transpose(table: Sequence[Row]) -> list[Row]:
    """Transpose a table: one row for each measurement, one column for each size."""
    names = list(islice(table[0], 1, None))
    return [{"what": name, **{f"{row['pictures']:,}": row[name] for row in table}} for name in names]


def _errors(first: Row, second: Row, last: Row) -> Iterator[Row]:
    """Yield the predictions for the last size from the first two, with the measured values."""
    sizes = [float(str(row["pictures"])) for row in (first, second, last)]
    for name in islice(first, 1, None):
        small, large, actual = (float(str(row[name])) for row in (first, second, last))
        predicted = predict(name, sizes, small, large)
        error = predicted / actual - 1 if actual else 0.0
        yield {
            "what": name,
            "told": predicted,
            "measured": actual,
            "error": f"{error:+.0%}",
            "within a fifth": "yes" if abs(error) <= LARGEST_ERROR else "no",
        }


def predict(name: str, sizes: Sequence[float], small: float, large: float) -> float:
    """Predict the last size from the first two.

    Measurements for each picture stay constant. All others grow linearly, except the descriptors, which are divided
    into cells from a number of rows on (:mod:`indexer.vectors.faiss_rows`): from the second size on, they grow as their
    design predicts.
    """
    few, more, most = sizes
    if name.endswith("a picture"):
        return (small + large) / 2
    if grows := next((law for words, law in BY_DESIGN.items() if name.startswith(words)), None):
        return large * grows(most) / grows(more)
    return large + (large - small) * (most - more) / (more - few)


def mix(works: Sequence[Path], unrelated: Sequence[Path], count: int, seed: int) -> Iterator[bytes]:
    """Yield picture files in the proportions of the web: 95% unrelated, two thirds of 2 megapixels, a third small.

    Smaller photos are enlarged, with a little sensor grain.

    Args:
        works: Photographs from which the copies are made.
        unrelated: Photographs from which everything else is made.
        count: Number of pictures.
        seed: Seed of all random choices.
    """
    chance = random.Random(seed)
    edits = list(EDITS)
    for number in range(count):
        path = unrelated[number % len(unrelated)]
        if number % COPIES == COPIES - 1:
            name = chance.choice(edits)
            edited = apply(name, open_photo(chance.choice(works)), [open_photo(path)], chance.getrandbits(30))
            with Image.open(io.BytesIO(edited.data)) as picture:
                yield _encoded(_large(picture.convert("RGB")))
        elif number % SMALL == 0:
            yield icon(chance) if chance.random() < 0.4 else _thumbnail(path, chance)
        else:
            yield _encoded(_large(open_photo(path)))


def _large(picture: Image.Image) -> Image.Image:
    size = LARGE if picture.width >= picture.height else LARGE[::-1]
    enlarged = ImageOps.fit(picture, size, Image.Resampling.BICUBIC)
    grain = Image.effect_noise(size, 6).convert("RGB")
    return Image.blend(enlarged, grain, 0.06)


def _thumbnail(path: Path, chance: random.Random) -> bytes:
    small = open_photo(path)
    side = chance.choice([64, 100, 120, 150, 160, 200, 240])
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _encoded(small)


def _encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
