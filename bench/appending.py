"""How many pictures a second get their places in the index of pictures, by how many add at once.

Each adds batches as the step that matches does, in a transaction each: under one lock for all that append, as long as
there is only one appender at a time, and as it is, where they share a lock. Both in turns, on the same rows, in a
database of its own below ``EXHIBIT_DATA``.
"""

import argparse
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from bench.product import BATCH, Product
from bench.table import keep, machine, show
from exhibit.digests import Digest
from exhibit.types import Fingerprint
from indexer.picture.spaces import CENTRE, DESCRIPTOR, PHASH, PICTURE_PARTS, WHOLE

PARTS = ((PHASH, WHOLE), (DESCRIPTOR, WHOLE), (DESCRIPTOR, CENTRE))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.appending", description=__doc__)
    parser.add_argument("--pictures", type=int, default=4096, help="added in each run")
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 2, 4, 8], help="how many add at once")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--out", type=Path, default=Path("bench-out/appending"))
    wanted = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    rows = []
    with Product():
        pictures = _pictures(wanted.pictures)
        for writers in wanted.writers:
            with ProcessPoolExecutor(writers, get_context("spawn"), initializer=_ready) as pool:
                rates: dict[bool, list[float]] = {True: [], False: []}
                for _ in range(wanted.rounds):
                    for alone, had in rates.items():
                        had.append(_rate(pool, writers, pictures, alone=alone))
            rows.append(
                {
                    "writers": writers,
                    "pictures a second, one lock for all": round(statistics.median(rates[True])),
                    "a lock that those who add share": round(statistics.median(rates[False])),
                }
            )
    show(f"Pictures that get their places in the index ({machine()})", rows)
    keep(wanted.out, "appending", rows)


def _pictures(number: int) -> list[int]:
    from django.db import transaction

    from exhibit.clock import now
    from registry.models import Picture
    from registry.vectors.fingerprints import keep_fingerprints

    had = list(Picture.objects.order_by("pk").values_list("pk", flat=True)[:number])
    digests = [Digest.of(f"appending {place}".encode()) for place in range(len(had), number)]
    made = [Picture(digest=digest, size=1, first_seen=now(), state="done") for digest in digests]
    new = [row.pk for row in Picture.objects.bulk_create(made)]
    with transaction.atomic():
        found = [
            (pk, Fingerprint(digest, space.id, part, os.urandom(space.vector_bytes)))
            for pk, digest in zip(new, digests, strict=True)
            for space, part in PARTS
        ]
        keep_fingerprints((PHASH, DESCRIPTOR), found)
    return had + new


def _rate(pool: ProcessPoolExecutor, writers: int, pictures: list[int], *, alone: bool) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE registry_indexchange")
        cursor.execute("ANALYZE registry_fingerprintrow")
        cursor.execute("CHECKPOINT")
    moment = time.time() + 0.5  # all of them begin together
    asked = [pool.submit(_append, pictures[turn::writers], moment, alone=alone) for turn in range(writers)]
    return len(pictures) / max(one.result() for one in asked)


def _ready() -> None:
    import django

    django.setup()


def _append(mine: list[int], moment: float, *, alone: bool) -> float:
    from django.db import connection, transaction

    from registry.db.locks import Lock, hold
    from registry.vectors.fingerprints import Collection, add_to

    connection.ensure_connection()
    time.sleep(max(0.0, moment - time.time()))
    began = time.monotonic()
    for start in range(0, len(mine), BATCH):
        with transaction.atomic():
            if alone:
                hold(Lock.INDEX)
            add_to(Collection.PICTURES, mine[start : start + BATCH], PICTURE_PARTS)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
