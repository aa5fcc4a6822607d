"""Bytes out of the packs of a bucket, in which earlier versions kept many together: each becomes an object of its own.

It comes once, before the migration that removes the tables of packs, and after an interruption it goes on.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import connection, transaction

from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, StorageError, passes
from exhibit.files.blobs import PIECE, BlobStore
from exhibit.files.bucket import Bucket
from exhibit.sentences import Sentence
from registry.services.stores import BLOBS, bucket_of

LOGGER = logging.getLogger(__name__)
AT_ONCE = 32
Place = tuple[Digest, int, int]
"""A digest, and where its bytes begin and end in the pack."""


def unpack(config: Config) -> None:
    """Copy what lies in packs to objects of its own, read each again, and then remove the packs.

    Bytes that have changed in their pack are taken as they are, so that they are told as damage as before. Raises
    ``StorageError`` when the bucket doesn't answer, or reads otherwise than was written; the same call goes on.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('registry_pack')")
        if cursor.fetchone() == (None,):
            return
        cursor.execute("SELECT pg_sequence_last_value(pg_get_serial_sequence('registry_pack', 'id'))")
        if cursor.fetchone() == (None,):  # no bucket ever had a pack of this database
            return
        cursor.execute("SELECT id, name FROM registry_pack ORDER BY id")
        packs = cursor.fetchall()
    bucket = bucket_of(config)
    for number, (pack, name) in enumerate(packs, 1):
        if bucket is not None:  # else the bytes were moved to a folder, each by itself
            _copy(bucket, name, _places(pack))
            LOGGER.warning("Pack %d of %d is an object a file now.", number, len(packs))
        with transaction.atomic(), connection.cursor() as cursor:
            for table in ("packgap", "packedbytes"):
                cursor.execute(f"DELETE FROM registry_{table} WHERE pack_id = %s", [pack])  # noqa: S608
            cursor.execute("DELETE FROM registry_pack WHERE id = %s", [pack])
        if bucket is not None:
            bucket.remove([f"packs/{name}"])
    if bucket is not None:  # what killed processes have left
        bucket.clear("packs")


def _places(pack: int) -> list[Place]:
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT digest, start, start + size FROM registry_packedbytes WHERE pack_id = %s ORDER BY "start"', [pack]
        )
        return [(Digest(bytes(digest)), start, end) for digest, start, end in cursor.fetchall()]


def _copy(bucket: Bucket, name: str, places: list[Place]) -> None:
    blobs, missing = BlobStore(bucket, BLOBS), 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for run in _runs(places):
            begin = run[0][1]
            try:
                data = bucket.piece(f"packs/{name}", begin, run[-1][2])
            except NotFoundError:
                missing += len(run)
                continue
            given = [(digest, data[start - begin : end - begin]) for digest, start, end in run]
            list(pool.map(partial(_keep, blobs), given))
    if missing:
        LOGGER.error("The pack %s isn't there: the bytes of %d files are missing.", name, missing)


def _runs(places: list[Place]) -> Iterator[list[Place]]:
    """Neighbours, to be read together: at most ``PIECE`` bytes from the first to the last."""
    run: list[Place] = []
    for place in places:
        if run and place[2] > run[0][1] + PIECE:
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def _keep(blobs: BlobStore, given: tuple[Digest, bytes]) -> None:
    digest, data = given
    if Digest.of(data) == digest:
        blobs.put(data)
        if not passes(blobs.get, digest, IntegrityError):
            raise StorageError(Sentence("What was written of %(digest)s reads otherwise.", digest=digest))
    elif digest not in blobs:
        blobs.keep_as(digest, data)
