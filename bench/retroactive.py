"""New works against pictures seen before: one, a hundred, then as many as requested, from files to matches.

The seen pictures are rows made of real fingerprints (:mod:`bench.retrieval`, and mixtures of real descriptors),
inserted by binary COPY. Among them are real copies of a hundred works and unrelated photographs, imported by a crawl of
a folder. All pass through the product's steps. Generated rows have no files, so those that resemble a work are only
counted; similar unrelated photographs are also compared.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.common import Row
from bench.end_to_end import WORKS_AT_ONCE, make_works, processor_seconds
from bench.retrieval import entries_of, real_hashes
from exhibit.pictures.decode import Limits, decode
from indexer.edits import apply
from indexer.picture.descriptor import BUILT_IN
from indexer.picture.spaces import DESCRIPTOR, PHASH, WHOLE
from registry.fingerprints.ports import get_indexes

if TYPE_CHECKING:
    from psycopg import Cursor

    from bench.product import Product

SEED = 9
WORKS = 101
"""One work that is searched alone, and a hundred that are searched together. Each has a copy among the pictures."""
COPY_EDITS = ("jpeg30", "crop70", "mirror", "text", "rot90")
OWN_SHARE = 0.8
"""Share of one real descriptor in a generated one; the rest comes from another."""
SOURCES, EDITED = 400, 15
"""Photographs whose hashes and descriptors are mixed, and how many determine which bits of hashes change."""
STRANGERS = 3_000
"""Maximum number of unrelated photographs that are seen with their files."""
AT_ONCE = 20_000
MIX_SPREAD = 0.03
REGISTERED = 10_000
"""Number of the pictures that also count as registered."""


def measure(photos: Sequence[Path], pictures: int, works: int = WORKS) -> list[Row]:
    """Run the product with a number of pictures seen before, in a temporary data folder.

    Args:
        photos: Photographs from which works and fingerprints are made.
        pictures: Number of pictures seen before.
        works: Number of registered works; parts of photographs if these are too few.
    """
    with tempfile.TemporaryDirectory(prefix="exhibit-retroactive-") as name:
        Path(name).chmod(0o755)
        os.environ.update(EXHIBIT_DATA=f"{name}/data", DJANGO_SETTINGS_MODULE="desk.settings")
        from bench.product import Product  # noqa: PLC0415 - needs the environment of this run

        material = make_works(Path(name), photos, works)
        copies_folder = _write_copies(Path(name), material.works[:WORKS])
        strangers = material.other_photos[SOURCES : SOURCES + STRANGERS]
        for path in strangers:
            shutil.copyfile(path, copies_folder / f"stranger-{path.name}")
        print(f"{len(strangers):,} strangers are seen with their bytes", file=sys.stderr, flush=True)
        with Product() as product:
            product.crawl(copies_folder)
            product.match(product.pending_pictures())
            _insert_pictures(material.other_photos, pictures)
            return list(_measure_searches(product, material.works, pictures))


def _write_copies(folder: Path, works: Sequence[Path]) -> Path:
    """Write one edited copy of each work to a folder."""
    into = folder / "copies"
    into.mkdir()
    for place, path in enumerate(works):
        with Image.open(path) as picture:
            edited = apply(COPY_EDITS[place % len(COPY_EDITS)], picture, [], place)
        (into / f"{place:04d}{edited.suffix}").write_bytes(edited.data)
    return into


def _measure_searches(product: "Product", works: Sequence[Path], pictures: int) -> Iterator[Row]:
    services = product.services
    from registry.fingerprints.fingerprints import Collection  # noqa: PLC0415 - Django is set up by now

    began = _now()
    for collection in Collection:
        get_indexes(services).refresh(collection)
    what = f"take {pictures:,} pictures and {min(REGISTERED, pictures):,} works into the indexes"
    nothing: Row = {"found": "", "alike": "", "compared": ""}
    yield {"what": what, "works": 0, **_elapsed(began), **nothing}
    portions = [works[:1], works[1:WORKS]]
    portions += [works[start : start + WORKS_AT_ONCE] for start in range(WORKS, len(works), WORKS_AT_ONCE)]
    for portion in portions:
        together = len(portion) > WORKS
        began = _now()
        picture_ids = product.register_all(portion) if together else product.register_files(portion)
        yield {"what": "register", "works": len(portion), **_elapsed(began), **nothing}
        search = product.search_all if together else product.search
        began = _now()
        search(picture_ids)
        spent = _elapsed(began)
        what = "search everything seen, and compare what resembles each most"
        yield {"what": what, "works": len(portion), **spent, **product.search_statistics(picture_ids)}
        began = _now()
        while remaining := product.list_unsearched(picture_ids):
            search(remaining)
        spent = _elapsed(began)
        yield {"what": "compare the rest", "works": len(portion), **spent, **product.search_statistics(picture_ids)}
    new = works[0].read_bytes() + b" "  # a separate work, whose copy is present
    waiting_copy = product.add_seen_picture(new + b" ")
    began = _now()
    product.add(new)
    matches = product.match_one(waiting_copy)
    yield {"what": "register a work and match a copy of it", "works": 1, **_elapsed(began), **nothing, "found": matches}


def _now() -> tuple[float, float]:
    return time.monotonic(), processor_seconds()


def _elapsed(began: tuple[float, float]) -> Row:
    seconds, processor = (now - then for now, then in zip(_now(), began, strict=True))
    print(f"{seconds:.1f} s, {processor:.1f} s of processor", file=sys.stderr, flush=True)
    return {"seconds": seconds, "processor seconds": processor}


def _insert_pictures(photos: Sequence[Path], count: int) -> None:
    """Insert rows of pictures without files: digest, fingerprints and their positions in the index."""
    from django.db import connection, transaction  # noqa: PLC0415

    hash_changes, real = real_hashes(photos[:SOURCES], EDITED), descriptors_of(photos[:SOURCES])
    with transaction.atomic(), connection.cursor() as wrapped:
        cursor: Cursor = wrapped.cursor  # the driver's own, wrapped by Django's
        cursor.execute("SELECT coalesce(max(id), 0) FROM registry_picture")
        first = _fetch_int(cursor) + 1
        _copy_pictures(cursor, first, count)
        hashes = (rows for _, rows in entries_of(hash_changes, count))
        _copy_vectors(cursor, PHASH.id, WHOLE, first, hashes)
        _copy_vectors(cursor, DESCRIPTOR.id, WHOLE, first, mix_descriptors(real, count, 1))
        cursor.execute("ANALYZE registry_picture, registry_fingerprintrow")
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('registry_picture', 'id'), (SELECT max(id) FROM registry_picture)),"
            " setval(pg_get_serial_sequence('registry_fingerprintrow', 'id'),"
            " (SELECT max(id) FROM registry_fingerprintrow))"
        )
        _number(cursor, "pictures", first, first + count)
        _number(cursor, "works", first, first + min(REGISTERED, count))


def _fetch_int(cursor: "Cursor") -> int:
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def _copy_pictures(cursor: "Cursor", first: int, count: int) -> None:
    cursor.execute("CREATE TEMPORARY TABLE made (id bigint, digest bytea) ON COMMIT DROP")
    chance = np.random.default_rng(SEED)
    with cursor.copy("COPY made FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "bytea"])
        for number in range(count):
            copy.write_row((first + number, chance.bytes(32)))
    cursor.execute(
        "INSERT INTO registry_picture (id, digest, size, first_seen, state, attempts, error, format, refusal,"
        " low_information, bytes_state, searched)"
        " SELECT id, digest, 1, now(), 'done', 0, '', 'JPEG', '', '[]', 'purged', '' FROM made"
    )


def _copy_vectors(cursor: "Cursor", space: str, part: str, first: int, batches: Iterator[NDArray[np.generic]]) -> None:
    name, _, version = space.partition("@")
    cursor.execute("SELECT id FROM registry_spacerow WHERE name = %s AND version = %s", (name, version))
    space_row = _fetch_int(cursor)
    cursor.execute("SELECT coalesce(max(id), 0) FROM registry_fingerprintrow")
    number = _fetch_int(cursor)
    with cursor.copy(
        "COPY registry_fingerprintrow (id, picture_id, space_id, part, vector) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["int8", "int8", "int8", "varchar", "bytea"])
        for batch in batches:
            for vector in batch:
                number += 1
                copy.write_row((number, first, space_row, part, vector.tobytes()))
                first += 1


def _number(cursor: "Cursor", collection: str, first: int, end: int) -> None:
    """Add new fingerprints to a collection, with consecutive numbers."""
    cursor.execute(
        """
        WITH last AS (SELECT space_id, max(number) AS number FROM registry_indexchange
                      WHERE collection = %(collection)s GROUP BY space_id)
        INSERT INTO registry_indexchange (collection, space_id, number, operation, fingerprint_id)
        SELECT %(collection)s, f.space_id,
               coalesce(last.number, 0) + row_number() OVER (PARTITION BY f.space_id ORDER BY f.id), 'add', f.id
        FROM registry_fingerprintrow f LEFT JOIN last ON last.space_id = f.space_id
        WHERE f.picture_id >= %(first)s AND f.picture_id < %(end)s
        """,
        {"collection": collection, "first": first, "end": end},
    )


def descriptors_of(photos: Sequence[Path]) -> NDArray[np.float32]:
    """Return descriptors of photographs, one row each."""
    return np.concatenate(
        [BUILT_IN.vectors([decode(path.read_bytes(), Limits(), at_least=224).pixels]) for path in photos]
    )


def mix_descriptors(real: NDArray[np.float32], count: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Yield mixtures of two real descriptors with a little noise, of unit length."""
    for start in range(0, count, AT_ONCE):
        chance = np.random.default_rng([SEED, seed, start])
        first, second = real[chance.integers(0, len(real), (2, min(AT_ONCE, count - start)))]
        rows = OWN_SHARE * first + (1 - OWN_SHARE) * second + chance.normal(0, MIX_SPREAD, first.shape)
        yield (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")
