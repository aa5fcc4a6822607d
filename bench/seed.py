"""``python -m bench.seed``: a database as it is after years, for developers: plausible rows, few pictures, in minutes.

Rows go in by COPY with numbers of their own; only for an empty database. Bundles and the log are left out: nothing that
is seeded is evidence of anything.
"""

import argparse
import hashlib
import io
import itertools
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from exhibit.clock import now
from exhibit.config import load_config

if TYPE_CHECKING:
    from django.db.models import Model

    from workers.wiring import House

OWNER, PERSON, PASSWORD = "seeded", "operator@example.org", "seeded for trials"
PICTURES, WATCHES, PARTIES = 40, 25, 4_000
DECISIONS = ("open",) * 6 + ("confirmed",) * 2 + ("licensed", "cleared")
WORDS = ("harbour", "market", "bridge", "mountain", "portrait", "winter", "river", "night", "garden", "tower")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is made."""

    works: int
    sightings: int
    cases: int

    @property
    def found(self) -> int:
        """Different pictures that were seen: each some times."""
        return max(1, self.sightings // 4)


def seed(house: "House", sizes: Sizes) -> None:
    """Fill an empty database.

    Raises:
        SystemExit: there is an owner already.
    """
    from django.db import transaction

    from registry.models import Owner, User

    if Owner.objects.exists():
        sys.exit("There are rows already. Seed into a data folder of its own: EXHIBIT_DATA=var/seeded")
    chance, moment = random.Random(1), now()
    thumbnails = _thumbnails(house)
    with transaction.atomic():
        owner = Owner.objects.create(slug=OWNER, name="Seeded Agency")
        User.objects.create_user(PERSON, PERSON, PASSWORD, is_staff=True).memberships.create(owner=owner, role="owner")
        for name, model, rows in _tables(owner.pk, sizes, thumbnails, chance, moment):
            print(f"  {_copy(model, rows):>9,} {name}", flush=True)


def _thumbnails(house: "House") -> list[bytes]:
    """Some small pictures in the blob store, which all rows share."""
    from demo.pictures import textured

    kept = []
    for number in range(PICTURES):
        out = io.BytesIO()
        textured(number, (256, 192)).save(out, format="JPEG", quality=70)
        kept.append(house.blobs.put(out.getvalue()).raw)
    return kept


def _tables(
    owner: int, sizes: Sizes, thumbnails: list[bytes], chance: random.Random, moment: datetime
) -> "Iterator[tuple[str, type[Model], Iterator[dict[str, Any]]]]":
    from registry import models

    since = moment - timedelta(days=700)

    def some_time() -> datetime:
        return since + (moment - since) * chance.random()

    def picture(number: int) -> dict[str, Any]:
        return {
            "id": number,
            "digest": hashlib.sha256(number.to_bytes(8, "big")).digest(),
            "size": 200_000,
            "format": "JPEG",
            "width": 1600,
            "height": 1200,
            "first_seen": some_time(),
            "state": "done",
            "bytes_state": "expired",
            "thumbnail": thumbnails[number % len(thumbnails)],
        }

    def work(number: int) -> dict[str, Any]:
        title = f"{chance.choice(WORDS).title()} at the {chance.choice(WORDS)} {number}"
        flags = ["plain"] if number % 400 == 0 else []
        author = f"Photographer {number % 200}"
        told = {"title": title, "author": author, "source_name": f"img_{number:06}.jpg", "low_information": flags}
        return {"id": number, "owner_id": owner, "number": number, "registered_at": some_time(), **told}

    def sighting(number: int) -> dict[str, Any]:
        crawl = number % crawls + 1
        seen, party = some_time(), f"party-{int(chance.paretovariate(0.6)) % PARTIES}.example"
        page, image = f"https://www.{party}/shop/{number}", f"https://img.{party}/{number}.jpg"
        return {
            "id": number,
            "crawl_id": crawl,
            "slice_id": crawl,
            "picture_id": sizes.works + number % sizes.found + 1,
            "page_key": number.to_bytes(16, "big"),
            "image_key": (number * 7).to_bytes(16, "big"),
            "page_url": page,
            "image_url": image,
            "final_url": image,
            "host": f"www.{party}",
            "party": party,
            "page_title": f"{chance.choice(WORDS)} {chance.choice(WORDS)} shop",
            "media_type": "image/jpeg",
            "first_seen": seen,
            "last_seen": seen + (moment - seen) / 3,
        }

    def case(number: int) -> dict[str, Any]:
        decision, opened = chance.choice(DECISIONS), some_time()
        decided = {} if decision == "open" else {"decided_at": opened + (moment - opened) / 2, "decided_by": PERSON}
        told = {"decision": decision, "reason": "" if decision == "open" else "Looked at.", **decided}
        party = f"party-{int(chance.paretovariate(0.6)) % PARTIES}.example"
        named = {"id": number, "owner_id": owner, "number": number, "opened_at": opened}
        return {**named, "work_id": (number * 7919) % sizes.works + 1, "party": f"{number % 7}.{party}", **told}

    def match(number: int) -> dict[str, Any]:
        certain = number % 10 < 7
        return {
            "id": number,
            "registered_id": (number * 7919) % sizes.works + 1,
            "found_id": sizes.works + number % sizes.found + 1,
            "pipeline": f"seeded-{number // sizes.found}",
            "decision": "certain" if certain else "review",
            "hamming": chance.randrange(40),
            "inliers": chance.randrange(20, 400),
            "dense": chance.random(),
            "transform": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            "overlap_work": chance.random(),
            "overlap_picture": chance.random(),
            "probability": 0.99 if certain else chance.random(),
            "made_at": moment,
        }

    crawls = WATCHES * 20
    yield "pictures", models.Picture, (picture(one) for one in range(1, sizes.works + sizes.found + 1))
    yield "works", models.Work, (work(one) for one in range(1, sizes.works + 1))
    pairs = ({"id": n, "work_id": n, "picture_id": n, "state": "done"} for n in range(1, sizes.works + 1))
    yield "registered pictures", models.WorkPicture, pairs
    yield "watches", models.Watch, (_watch(one, owner, moment) for one in range(1, WATCHES + 1))
    yield "crawls", models.Crawl, (_crawl(one, some_time()) for one in range(1, crawls + 1))
    slices = ({"id": n, "crawl_id": n, "number": 1, "state": "done"} for n in range(1, crawls + 1))
    yield "slices", models.CrawlSlice, slices
    yield "sightings", models.Sighting, (sighting(one) for one in range(1, sizes.sightings + 1))
    yield "matches", models.Match, (match(one) for one in range(1, 2 * sizes.cases + 1))
    yield "cases", models.Case, (case(one) for one in range(1, sizes.cases + 1))
    places = (
        {"id": n, "case_id": (n - 1) // 2 + 1, "match_id": n, "sighting_id": (n * 31) % sizes.sightings + 1}
        for n in range(1, 2 * sizes.cases + 1)
    )
    yield "places of cases", models.CaseSighting, places
    events = (
        {"id": n, "case_id": n, "at": some_time(), "kind": "opened", "sentence": "A match at a new place."}
        for n in range(1, sizes.cases + 1)
    )
    yield "events", models.CaseEvent, events
    licences = (
        {"id": n, "owner_id": owner, "number": n, "licensee": f"Licensee {n}", "domain": f"licensee-{n}.example"}
        for n in range(1, 501)
    )
    yield "licences", models.Licence, licences


def _watch(number: int, owner: int, moment: datetime) -> dict[str, Any]:
    sources = [{"kind": "site", "url": f"https://www.party-{number}.example/"}]
    told = {"id": number, "owner_id": owner, "number": number, "name": f"Watch {number}", "sources": sources}
    return {**told, "next_run_at": moment + timedelta(days=1)}


def _crawl(number: int, started: datetime) -> dict[str, Any]:
    watch, run = divmod(number - 1, 20)
    ended = {"finished_at": started + timedelta(hours=1), "state": "done", "reason": "finished", "pages": 2_000}
    return {"id": number, "watch_id": watch + 1, "number": run + 1, "started_at": started, **ended}


def _copy(model: "type[Model]", rows: Iterable[Mapping[str, Any]]) -> int:
    """Copy rows with numbers of their own; what isn't given is as the model has it."""
    from django.db import connection
    from django.db.models import NOT_PROVIDED

    fields = [one for one in model._meta.concrete_fields if not one.generated]  # noqa: SLF001 - Django's public name
    count = 0
    with connection.cursor() as cursor:
        first = next(iter(rows := iter(rows)))
        given = [one for one in fields if one.attname in first or one.db_default is NOT_PROVIDED]
        fresh, unnamed = model(), [one for one in given if one.attname not in first]
        usual = {one.attname: one.get_db_prep_save(one.pre_save(fresh, add=True), connection) for one in unnamed}
        prepared = {one.attname: one.get_db_prep_save for one in given}
        names = ", ".join(f'"{one.column}"' for one in given)
        with cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy:  # noqa: SLF001 - as above
            for row in itertools.chain([first], rows):
                made = {name: prepared[name](value, connection) for name, value in row.items()}
                copy.write_row([made[one.attname] if one.attname in made else usual[one.attname] for one in given])
                count += 1
        sequence = "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)"
        cursor.execute(sequence, [model._meta.db_table, count])  # noqa: SLF001 - as above
    return count


def main() -> int:
    """Seed this configuration's database."""
    parser = argparse.ArgumentParser(prog="python -m bench.seed", description=__doc__)
    parser.add_argument("--works", type=int, default=100_000)
    parser.add_argument("--sightings", type=int, default=1_000_000)
    parser.add_argument("--cases", type=int, default=20_000)
    options = parser.parse_args()
    from workers.keeper import ensure_servers

    config = load_config()
    with ensure_servers(config):
        from workers.migrate import migrate

        migrate()
        from django.db import connection

        from workers.wiring import House

        seed(House(config), Sizes(options.works, options.sightings, options.cases))
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    print(f"Sign in as {PERSON} with the password: {PASSWORD}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
