"""New works against pictures seen before: seconds for one, for a hundred, and until a copy of a new one is found.

The pictures seen are rows made of real fingerprints (:mod:`bench.retrieval`, and mixtures of real descriptors), put in
by binary COPY; among them are real copies of the works, brought in by a crawl of a folder. All goes through the steps.
"""

import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.retrieval import entries_of, real_hashes
from bench.table import Row
from exhibit.pictures.decode import Limits, decode
from indexer.edits import apply
from indexer.picture.descriptor import BUILT_IN
from indexer.picture.spaces import CENTRE, DESCRIPTOR, PHASH, WHOLE

if TYPE_CHECKING:
    from psycopg import Cursor

    from bench.product import Product

SEED = 9
WORKS = 101
"""One that is searched alone, and a hundred that are searched together."""
COPY_EDITS = ("jpeg30", "crop70", "mirror", "text", "rot90")
OWN = 0.8
"""How much of a made descriptor is one real descriptor's; the rest is another's."""
DESCRIBED = 1_500
"""Photographs whose descriptors the others are mixed of."""
AT_ONCE = 20_000
MIX_SPREAD = 0.03
REGISTERED = 10_000
"""So many of the pictures count as registered too."""


def measure(photos: Sequence[Path], pictures: int) -> list[Row]:
    """Run the product with so many pictures seen, in a data folder of its own that is removed afterwards."""
    chosen = random.Random(SEED).sample(list(photos), len(photos))
    with tempfile.TemporaryDirectory(prefix="exhibit-retroactive-") as name:
        Path(name).chmod(0o755)
        os.environ.update(EXHIBIT_DATA=f"{name}/data", DJANGO_SETTINGS_MODULE="desk.settings")
        from bench.product import Product  # noqa: PLC0415 - needs the environment of this run

        works, others = chosen[: min(WORKS, len(chosen) // 2)], chosen[len(chosen) // 2 :]
        copies = _copies(Path(name), works)
        with Product() as product:
            product.crawl(copies)
            product.match(product.waiting())
            _put_in(others, pictures)
            return list(_searched(product, works, pictures))


def _copies(folder: Path, works: Sequence[Path]) -> Path:
    """One edited copy of each work, in a folder."""
    into = folder / "copies"
    into.mkdir()
    for place, path in enumerate(works):
        with Image.open(path) as picture:
            made = apply(COPY_EDITS[place % len(COPY_EDITS)], picture, [], place)
        (into / f"{place:04d}{made.suffix}").write_bytes(made.data)
    return into


def _searched(product: "Product", works: Sequence[Path], pictures: int) -> Iterator[Row]:
    services = product.services
    from registry.vectors.fingerprints import Collection  # noqa: PLC0415 - Django is set up by now

    started, began = time.monotonic(), time.process_time()
    for collection in Collection:
        services.indexes.refresh(collection)
    what = f"take {pictures:,} pictures and {min(REGISTERED, pictures):,} works into the indexes"
    yield {"what": what, "works": 0, **_spent(started, began), "found": ""}
    for group in (works[:1], works[1:]):
        started, began = time.monotonic(), time.process_time()
        waiting = product.register_files(group)
        yield {"what": "register", "works": len(group), **_spent(started, began), "found": ""}
        started, began = time.monotonic(), time.process_time()
        found = product.search(waiting)
        yield {"what": "search everything seen", "works": len(group), **_spent(started, began), "found": found}
    new = works[0].read_bytes() + b" "  # a work of its own, whose copy waits
    waiting_copy = product.seen(new + b" ")
    started, began = time.monotonic(), time.process_time()
    product.add(new)
    found = product.match_one(waiting_copy)
    yield {"what": "register a work and match a copy of it", "works": 1, **_spent(started, began), "found": found}


def _spent(started: float, began: float) -> Row:
    return {"seconds": time.monotonic() - started, "CPU seconds of this process": time.process_time() - began}


def _put_in(photos: Sequence[Path], count: int) -> None:
    """Rows of pictures whose bytes nobody has: digest, fingerprints and their places in the index."""
    from django.db import connection, transaction  # noqa: PLC0415

    known, real = real_hashes(photos), described(photos[:DESCRIBED])
    with transaction.atomic(), connection.cursor() as wrapped:
        cursor: Cursor = wrapped.cursor  # the driver's own, behind Django's
        cursor.execute("SELECT coalesce(max(id), 0) FROM registry_picture")
        first = _one(cursor) + 1
        _copy_pictures(cursor, first, count)
        hashes = (rows for _, rows in entries_of(known, count))
        _copy_vectors(cursor, PHASH.id, WHOLE, first, hashes)
        for part, seed in ((WHOLE, 1), (CENTRE, 2)):
            _copy_vectors(cursor, DESCRIPTOR.id, part, first, mixed(real, count, seed))
        cursor.execute("ANALYZE registry_picture, registry_fingerprintrow")
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('registry_picture', 'id'), (SELECT max(id) FROM registry_picture)),"
            " setval(pg_get_serial_sequence('registry_fingerprintrow', 'id'),"
            " (SELECT max(id) FROM registry_fingerprintrow))"
        )
        _number(cursor, "pictures", first, first + count)
        _number(cursor, "works", first, first + min(REGISTERED, count))


def _one(cursor: "Cursor") -> int:
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
    space_row = _one(cursor)
    cursor.execute("SELECT coalesce(max(id), 0) FROM registry_fingerprintrow")
    number = _one(cursor)
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
    """The additions of new fingerprints to a collection, numbered on."""
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


def described(photos: Sequence[Path]) -> NDArray[np.float32]:
    """Descriptors of photographs, one row each."""
    return np.concatenate(
        [BUILT_IN.vectors([decode(path.read_bytes(), Limits(), at_least=224).pixels]) for path in photos]
    )


def mixed(real: NDArray[np.float32], count: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Mixtures of two real descriptors with a little noise, of unit length."""
    for start in range(0, count, AT_ONCE):
        chance = np.random.default_rng([SEED, seed, start])
        one, other = real[chance.integers(0, len(real), (2, min(AT_ONCE, count - start)))]
        rows = OWN * one + (1 - OWN) * other + chance.normal(0, MIX_SPREAD, one.shape)
        yield (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")
