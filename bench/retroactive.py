"""Cost of the search for new works among pictures seen before: for one work, a hundred, then the requested number.

The seen pictures are rows with fingerprints mixed from real ones (:mod:`bench.retrieval`), inserted by binary COPY, and
real copies of a hundred works and unrelated photographs, imported from a folder. The works pass through the product's
steps. Generated rows have no files, so those similar to a work are only counted; similar photographs are also compared.
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
from bench.end_to_end import WORKS_PER_STAGE, make_works, read_processor_seconds
from bench.retrieval import generate_entries, measure_hash_statistics
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
"""One work that is searched for alone, and a hundred works together. Each has a copy among the seen pictures."""
COPY_EDITS = ("jpeg30", "crop70", "mirror", "text", "rot90")
MAIN_FRACTION = 0.8
"""Weight of the first real descriptor in a generated one. The rest is from another descriptor."""
SOURCE_PHOTOS, EDITED_PHOTOS = 400, 15
"""Number of photographs whose hashes and descriptors are mixed, and of those whose edits show how hashes change."""
MAX_UNRELATED = 3_000
"""Maximum number of unrelated photographs that are imported with their files."""
BATCH_ROWS = 20_000
MIX_SPREAD = 0.03
REGISTERED_PICTURES = 10_000
"""Number of pictures that are also in the index of registered pictures."""


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

        source_pictures = make_works(Path(name), photos, works)
        copies_folder = _write_copies(Path(name), source_pictures.works[:WORKS])
        unrelated_photos = source_pictures.other_photos[SOURCE_PHOTOS : SOURCE_PHOTOS + MAX_UNRELATED]
        for path in unrelated_photos:
            shutil.copyfile(path, copies_folder / f"stranger-{path.name}")
        print(f"{len(unrelated_photos):,} strangers are seen with their bytes", file=sys.stderr, flush=True)
        with Product() as product:
            product.import_folder(copies_folder)
            product.match_pictures(product.list_pending_pictures())
            _insert_pictures(source_pictures.other_photos, pictures)
            return list(_measure_searches(product, source_pictures.works, pictures))


def _write_copies(folder: Path, works: Sequence[Path]) -> Path:
    """Write one edited copy of each work to a folder."""
    copies_folder = folder / "copies"
    copies_folder.mkdir()
    for index, path in enumerate(works):
        with Image.open(path) as picture:
            edited = apply(COPY_EDITS[index % len(COPY_EDITS)], picture, [], index)
        (copies_folder / f"{index:04d}{edited.suffix}").write_bytes(edited.data)
    return copies_folder


def _measure_searches(product: "Product", works: Sequence[Path], pictures: int) -> Iterator[Row]:
    services = product.services
    from registry.fingerprints.fingerprints import Collection  # noqa: PLC0415 - Django is set up by now

    started = _read_clocks()
    for collection in Collection:
        get_indexes(services).refresh(collection)
    step_name = f"take {pictures:,} pictures and {min(REGISTERED_PICTURES, pictures):,} works into the indexes"
    empty_counts: Row = {"found": "", "alike": "", "compared": ""}
    yield {"what": step_name, "works": 0, **_measure_elapsed(started), **empty_counts}
    portions = [works[:1], works[1:WORKS]]
    portions += [works[start : start + WORKS_PER_STAGE] for start in range(WORKS, len(works), WORKS_PER_STAGE)]
    for portion in portions:
        in_parallel = len(portion) > WORKS
        started = _read_clocks()
        picture_ids = product.register_in_parallel(portion) if in_parallel else product.register_files(portion)
        yield {"what": "register", "works": len(portion), **_measure_elapsed(started), **empty_counts}
        search = product.search_seen_in_parallel if in_parallel else product.search_seen_pictures
        started = _read_clocks()
        search(picture_ids)
        elapsed = _measure_elapsed(started)
        step_name = "search everything seen, and compare what resembles each most"
        yield {"what": step_name, "works": len(portion), **elapsed, **product.compute_search_statistics(picture_ids)}
        started = _read_clocks()
        while remaining := product.list_unsearched(picture_ids):
            search(remaining)
        elapsed = _measure_elapsed(started)
        yield {
            "what": "compare the rest",
            "works": len(portion),
            **elapsed,
            **product.compute_search_statistics(picture_ids),
        }
    work_bytes = works[0].read_bytes() + b" "  # A separate work, of which a copy exists.
    waiting_copy = product.add_seen_picture(work_bytes + b" ")
    started = _read_clocks()
    product.register_picture(work_bytes)
    matches = product.match_one(waiting_copy)
    yield {
        "what": "register a work and match a copy of it",
        "works": 1,
        **_measure_elapsed(started),
        **empty_counts,
        "found": matches,
    }


def _read_clocks() -> tuple[float, float]:
    return time.monotonic(), read_processor_seconds()


def _measure_elapsed(started: tuple[float, float]) -> Row:
    seconds, processor = (current - previous for current, previous in zip(_read_clocks(), started, strict=True))
    print(f"{seconds:.1f} s, {processor:.1f} s of processor", file=sys.stderr, flush=True)
    return {"seconds": seconds, "processor seconds": processor}


def _insert_pictures(photos: Sequence[Path], count: int) -> None:
    """Insert rows of pictures without files: digests, fingerprints and index changes."""
    from django.db import connection, transaction  # noqa: PLC0415

    hash_changes, real_descriptors = (
        measure_hash_statistics(photos[:SOURCE_PHOTOS], EDITED_PHOTOS),
        compute_descriptors(photos[:SOURCE_PHOTOS]),
    )
    with transaction.atomic(), connection.cursor() as django_cursor:
        cursor: Cursor = django_cursor.cursor  # The cursor of the driver, which Django wraps.
        cursor.execute("SELECT coalesce(max(id), 0) FROM registry_picture")
        first = _fetch_int(cursor) + 1
        _copy_pictures(cursor, first, count)
        hashes = (rows for _, rows in generate_entries(hash_changes, count))
        _copy_vectors(cursor, PHASH.id, WHOLE, first, hashes)
        _copy_vectors(cursor, DESCRIPTOR.id, WHOLE, first, mix_descriptors(real_descriptors, count, 1))
        cursor.execute("ANALYZE registry_picture, registry_fingerprintrow")
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('registry_picture', 'id'), (SELECT max(id) FROM registry_picture)),"
            " setval(pg_get_serial_sequence('registry_fingerprintrow', 'id'),"
            " (SELECT max(id) FROM registry_fingerprintrow))"
        )
        _number_fingerprints(cursor, "pictures", first, first + count)
        _number_fingerprints(cursor, "works", first, first + min(REGISTERED_PICTURES, count))


def _fetch_int(cursor: "Cursor") -> int:
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])


def _copy_pictures(cursor: "Cursor", first: int, count: int) -> None:
    cursor.execute("CREATE TEMPORARY TABLE made (id bigint, digest bytea) ON COMMIT DROP")
    rng = np.random.default_rng(SEED)
    with cursor.copy("COPY made FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "bytea"])
        for number in range(count):
            copy.write_row((first + number, rng.bytes(32)))
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


def _number_fingerprints(cursor: "Cursor", collection: str, first: int, end: int) -> None:
    """Add index changes for new fingerprints of a collection, with consecutive numbers."""
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


def compute_descriptors(photos: Sequence[Path]) -> NDArray[np.float32]:
    """Return descriptors of photographs, one row each."""
    return np.concatenate(
        [BUILT_IN.compute_vectors([decode(path.read_bytes(), Limits(), at_least=224).pixels]) for path in photos]
    )


def mix_descriptors(real_descriptors: NDArray[np.float32], count: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """Yield mixtures of two real descriptors with a little noise, of unit length."""
    for start in range(0, count, BATCH_ROWS):
        rng = np.random.default_rng([SEED, seed, start])
        first, second = real_descriptors[rng.integers(0, len(real_descriptors), (2, min(BATCH_ROWS, count - start)))]
        rows = MAIN_FRACTION * first + (1 - MAIN_FRACTION) * second + rng.normal(0, MIX_SPREAD, first.shape)
        yield (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("<f4")
