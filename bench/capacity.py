"""What grows with the pictures: measured at ten, a hundred and a thousand thousand, and told from the first two.

What is inserted goes through the product's own functions: addresses, sightings, pictures, fingerprints, comparisons and
the indexes of everything seen. It is made: digests at random, hashes and descriptors mixed of real ones
(:mod:`bench.retrieval`), headers and words such as sites send, and nobody has the bytes. What a picture costs by
itself (decode, measure, search the works, compare) is measured at each size with real pictures of the web's mix
(:mod:`bench.matching.cost`), which go through the step that matches; so are the works that search everything seen.
"""

import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.capacity_indexes import ASKING, EDITED, SOURCES, measure_indexes, searched
from bench.capacity_rows import Rows, Vectors
from bench.matching.cost import mix
from bench.progress import Progress
from bench.retrieval import entries_of, real_hashes
from bench.retroactive import described, mixed
from bench.table import Row, Titled, keep
from bench.whole import processor_seconds
from indexer.picture.spaces import DESCRIPTOR
from indexer.vectors.faiss_index import FaissIndex
from indexer.vectors.inverted_lists import LOOKED_INTO_BY_NEW_WORKS, cell_count
from indexer.vectors.manifest import read_manifest
from indexer.vectors.segments import most_rows

if TYPE_CHECKING:
    from bench.product import Product
    from indexer.search.past import WorkQueries
    from registry.models import Owner

SIZES = (10_000, 100_000, 1_000_000)
WORKS = 200
SAMPLE, WARM_UP = 120, 20
"""Real pictures that are matched at each size, and at the beginning."""
AT_ONCE = 2_000
LARGEST_ERROR = 0.2
DESCRIPTORS = 2
"""Of each picture: the whole and the centre."""


def _pieces(pictures: float) -> Iterator[tuple[float, int]]:
    """Rows and cells of each segment of the descriptors of so many pictures, when all are written in one go."""
    left, most = DESCRIPTORS * pictures, most_rows(DESCRIPTOR)
    while left > 0:
        yield min(left, most), cell_count(DESCRIPTOR, int(min(left, most)))
        left -= most


BY_DESIGN: dict[str, Callable[[float], float]] = {
    "index of descriptors": lambda n: sum(rows * (256 if cells else 1024) for rows, cells in _pieces(n)),
    "a new work against the descriptors": lambda n: sum(
        cells + rows * LOOKED_INTO_BY_NEW_WORKS / cells if cells else rows for rows, cells in _pieces(n)
    ),
    "make the descriptors": lambda n: sum(rows * max(1, cells) for rows, cells in _pieces(n)),
}
"""What grows by steps: with bytes, with the rows and cells that are looked at, with rows times cells."""


class Capacity:
    """An installation that grows, and is measured.

    Args:
        product: that runs.
        registered: works, as files.
        others: photographs, of which everything else is made.
        most: pictures that will be seen.
        seed: of what is left to chance.
    """

    def __init__(
        self, product: "Product", registered: Sequence[Path], others: Sequence[Path], most: int, seed: int
    ) -> None:
        self._product, self._photos, self._seed = product, (registered, others), seed
        began = processor_seconds()
        waiting = product.register_files(registered)
        each = (processor_seconds() - began) * 1000 / len(registered)
        print(f"registered {len(registered)} works, {each:.0f} ms of a core each", file=sys.stderr, flush=True)
        self._asking = list(_queries(product, waiting[:ASKING]))
        self.matched(0, WARM_UP)
        chance = np.random.default_rng(seed)
        self._rows = Rows(_owner(), _vectors(others, most), chance)
        self._spent = {"keep the rows": 0.0, "take them into the indexes": 0.0}
        self._none = self._on_disk()

    def grow(self, size: int) -> dict[str, float]:
        """Insert pictures until there are so many, and measure."""
        progress = Progress("pictures seen", size)
        while self._rows.made < size:
            seen = self._rows.made_up(min(AT_ONCE, size - self._rows.made))
            self._timed("keep the rows", partial(self._rows.keep, seen))
            self._timed("take them into the indexes", self._taken_in)
            progress(self._rows.made)
        self._timed("take them into the indexes", self._written)
        grown = {name: value - self._none[name] for name, value in self._on_disk().items()}
        spent = {f"{name}, s of a core": value for name, value in self._spent.items()}
        kept = {"WAL that lies on disk": _wal_kept() / 1e6}  # MB; it comes and goes, and grows with nothing
        return {**grown, **kept, **spent, **searched(self._asking, *self._indexes()), **self.matched(size)}

    def matched(self, size: int, count: int = SAMPLE) -> dict[str, float]:
        """Real pictures through their step."""
        from bench.product import BATCH
        from registry.matches.match import match_pictures

        data = [sample.data for sample in mix(*self._photos, count, self._seed + size)]
        began = processor_seconds()
        waiting = [self._product.seen(one) for one in data]
        kept = processor_seconds() - began
        began = processor_seconds()
        for start in range(0, len(waiting), BATCH):
            match_pictures(self._product.services, waiting[start : start + BATCH])
        return {
            "keep its bytes, ms a picture": kept * 1000 / count,
            "match it, ms a picture": (processor_seconds() - began) * 1000 / count,
            "bytes, kB a picture": sum(map(len, data)) / count / 1000,
        }

    def _timed(self, name: str, does: Callable[[], object]) -> None:
        began = processor_seconds()
        does()
        self._spent[name] += processor_seconds() - began

    def _taken_in(self) -> None:
        from registry.matches.fingerprints import Collection

        self._product.services.indexes.refresh(Collection.PICTURES)

    def _written(self) -> None:
        """As when the tail has grown long: all processes map what each held for itself."""
        for index in self._indexes():
            index.flush()

    def _indexes(self) -> "list[FaissIndex]":
        from registry.matches.fingerprints import Collection

        indexes = self._product.services.indexes
        found = (indexes.of(Collection.PICTURES, space) for space in indexes.spaces)
        return [index for index in found if isinstance(index, FaissIndex)]

    def _on_disk(self) -> dict[str, float]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database()), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")
            database, written = map(float, cursor.fetchone())
        sizes = dict(zip(("hashes", "descriptors"), map(_mapped, self._indexes()), strict=True))
        return {"database, MB": database / 1e6, "WAL written, MB": written / 1e6} | {
            f"index of {name}, MB": size / 1e6 for name, size in sizes.items()
        }


def _wal_kept() -> float:
    """Bytes of the write-ahead log that PostgreSQL keeps at the moment, until checkpoints let it be written over."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(size) FROM pg_ls_waldir()")
        return float(cursor.fetchone()[0])


def _mapped(index: "FaissIndex") -> int:
    """Bytes of its present files, which all who search map; those of the state before lie beside them for a while."""
    folder = index._folder  # noqa: SLF001 - nobody else asks for it
    names = [segment.name for segment in read_manifest(folder, index.space.id).segments]
    return sum(path.stat().st_size for name in names for path in folder.glob(f"{name}.*"))


def measure(photos: Sequence[Path], sizes: Sequence[int], works: int, seed: int, out: Path) -> Iterator[Titled]:
    """Grow an installation in a folder that is removed afterwards; the figures of each size are kept as they come.

    Args:
        photos: works, and of what everything else is made.
        sizes: pictures seen, ascending.
        works: registered, real ones.
        seed: of what is left to chance.
        out: folder for the figures.
    """
    chosen = random.Random(seed).sample(list(photos), len(photos))
    registered, others = chosen[: min(works, len(chosen) // 2)], chosen[len(chosen) // 2 :]
    with tempfile.TemporaryDirectory(prefix="exhibit-capacity-", dir=out.parent) as name:
        Path(name).chmod(0o755)
        os.environ.update(EXHIBIT_DATA=f"{name}/data", DJANGO_SETTINGS_MODULE="desk.settings")
        from bench.product import Product

        with Product() as product:
            run = Capacity(product, registered, others, max(sizes), seed)
            table: list[Row] = []
            for size in sizes:
                table.append({"pictures": size, **run.grow(size)})
                keep(out, "capacity", table)
                print(f"{table[-1]}", file=sys.stderr, flush=True)
    yield "capacity", "What grows with the pictures", _across(table)
    yield from _held_against(table)


def measure_alone(photos: Sequence[Path], sizes: Sequence[int], out: Path) -> Iterator[Titled]:
    """The indexes of everything seen at these sizes, without rows."""
    table: list[Row] = []
    for row in measure_indexes(photos, sizes, out):
        table.append(row)
        keep(out, "capacity-indexes", table)
    yield "capacity-indexes", "The indexes of everything seen, made in one go", _across(table)
    yield from _held_against(table)


def _held_against(table: Sequence[Row]) -> Iterator[Titled]:
    for row in table[2:]:
        few, more = (f"{one['pictures']:,}" for one in table[:2])
        title = f"{row['pictures']:,} pictures told from {few} and {more}, and measured"
        yield f"capacity-{row['pictures']}", title, list(_errors(table[0], table[1], row))


def _owner() -> "Owner":
    from bench.product import OWNER
    from registry.models import Owner

    return Owner.objects.get(slug=OWNER)


def _queries(product: "Product", waiting: Sequence[int]) -> "Iterator[WorkQueries]":
    """What registered pictures search everything seen with."""
    from registry.matches.registered_works import queries_of
    from registry.models import WorkPicture
    from registry.works.marks import registered

    services = product.services
    services.descriptors.refresh()
    for known in registered(WorkPicture.objects.filter(pk__in=waiting).values_list("picture", flat=True)).values():
        yield queries_of(services, known)[0]


def _vectors(photos: Sequence[Path], count: int) -> Vectors:
    """Hashes and descriptors of so many pictures, made of those of photographs."""
    sources = photos[:SOURCES]
    hashes, real = real_hashes(sources, EDITED), described(sources)
    return (
        (row for _, batch in entries_of(hashes, count) for row in batch),
        chain.from_iterable(mixed(real, count, 1)),
        chain.from_iterable(mixed(real, count, 2)),
    )


def _across(table: Sequence[Row]) -> list[Row]:
    """A row for each figure, a column for each size."""
    names = list(islice(table[0], 1, None))
    return [{"what": name, **{f"{row['pictures']:,}": row[name] for row in table}} for name in names]


def _errors(first: Row, second: Row, last: Row) -> Iterator[Row]:
    """What the laws tell of the last size from the first two, and what was measured."""
    sizes = [float(str(row["pictures"])) for row in (first, second, last)]
    for name in islice(first, 1, None):
        one, other, measured = (float(str(row[name])) for row in (first, second, last))
        told = told_by(name, sizes, one, other)
        error = told / measured - 1 if measured else 0.0
        yield {
            "what": name,
            "told": told,
            "measured": measured,
            "error": f"{error:+.0%}",
            "within a fifth": "yes" if abs(error) <= LARGEST_ERROR else "no",
        }


def told_by(name: str, sizes: Sequence[float], one: float, other: float) -> float:
    """The last size by the first two.

    What each picture takes stays as it is; all else lies on a straight line, but the descriptors, which lie in cells
    from a number of rows on (:mod:`indexer.vectors.inverted_lists`): they grow as the design says from the second
    size on.
    """
    few, more, most = sizes
    if name.endswith("a picture"):
        return (one + other) / 2
    if grows := next((law for words, law in BY_DESIGN.items() if name.startswith(words)), None):
        return other * grows(most) / grows(more)
    return other + (other - one) * (most - more) / (more - few)
