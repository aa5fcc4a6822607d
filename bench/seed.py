"""``python -m bench.seed``: a database as it is after years, for developers: plausible rows, few pictures, in minutes.

Rows go in by COPY with numbers of their own; only for an empty database. Nothing that is
seeded is evidence of anything: bundles have a number and no contents, and the log knows of none.
"""

import argparse
import hashlib
import io
import itertools
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from exhibit.clock import now
from indexer.picture.spaces import LOCAL, ROOTSIFT
from registry.configuration import load_config

if TYPE_CHECKING:
    from django.db.models import Model

    from registry.services.services import Services

Row = dict[str, Any]
WATCHES, RUNS, PARTIES = 25, 20, 4_000
UPLOADS, REPORTS, LICENCES = 100, 200, 500
BUNDLES_PER_PACKAGE = 20
"""Bundles of a package."""
DECISIONS = ("open",) * 6 + ("confirmed",) * 2 + ("licensed", "cleared")
WORDS = ("harbour", "market", "bridge", "mountain", "portrait", "winter", "river", "night", "garden", "tower")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Numbers of rows to create."""

    works: int
    sightings: int
    cases: int

    def __post_init__(self) -> None:
        if 2 * self.cases > self.sightings:
            raise ValueError("Each case is seen at two places: so many sightings are needed at least.")

    @property
    def picture_count(self) -> int:
        """Number of different pictures seen, each several times."""
        return max(2 * self.cases, self.sightings // 4)

    @property
    def crawls(self) -> int:
        """Number of runs of all watches."""
        return WATCHES * RUNS

    @property
    def refused(self) -> int:
        """Number of refusals of a crawl."""
        return max(1, self.sightings // 5_000)

    @property
    def files(self) -> int:
        """Number of files of an upload. Half of the works were uploaded."""
        return max(1, self.works // 2 // UPLOADS)

    @property
    def packages(self) -> int:
        """Number of packages with several bundles each."""
        return max(1, self.cases // 100)


@dataclass(frozen=True, slots=True)
class Seed:
    """Source of the rows.

    Attributes:
        owner: Primary key of the owner.
        person: User who made the decisions.
        sizes: Numbers of rows.
        thumbnails: Digests of pictures in the blob store, shared by all rows.
        moment: Current time.
        chance: Seeded random numbers.
    """

    owner: int
    person: str
    sizes: Sizes
    thumbnails: Sequence[bytes]
    moment: datetime
    chance: random.Random

    def tables(self) -> "Iterator[tuple[str, type[Model], Iterator[Row]]]":
        """Yield every table with its rows."""
        from registry import models

        sizes = self.sizes
        yield "pictures", models.Picture, self._each(self._picture, sizes.works + sizes.picture_count)
        yield "works", models.Work, self._each(self._work, sizes.works)
        yield "registered pictures", models.WorkPicture, self._each(_registered, sizes.works)
        yield "fingerprints", models.FingerprintRow, self._fingerprints()
        yield "watches", models.Watch, self._each(self._watch, WATCHES)
        yield "crawls", models.Crawl, self._each(self._crawl, sizes.crawls)
        yield "slices", models.CrawlSlice, self._each(_slice, sizes.crawls)
        yield "refusals", models.Refusal, self._each(self._refusal, sizes.crawls * sizes.refused)
        yield "sightings", models.Sighting, self._each(self._sighting, sizes.sightings)
        yield "matches", models.Match, self._each(self._match, 2 * sizes.cases)
        yield "cases", models.Case, self._each(self._case, sizes.cases)
        yield "places of cases", models.CaseSighting, self._each(_place, 2 * sizes.cases)
        yield "captures", models.Capture, self._each(self._capture, sizes.cases)
        yield "lines of histories", models.CaseEvent, self._each(self._line, 3 * sizes.cases)
        yield "licences", models.Licence, self._each(self._licence, LICENCES)
        yield "bundles", models.Bundle, (self._bundle(n, case) for n, case in enumerate(self._confirmed(), 1))
        yield "packages", models.Package, self._each(self._package, sizes.packages)
        yield "bundles of packages", models.Package.bundles.through, self._packed()
        yield "reports", models.Report, self._each(self._report, REPORTS)
        yield "notices", models.Notice, (self._notice(n, case) for n, case in enumerate(self._confirmed(), 1))
        yield (
            "cases of notices",
            models.NoticeCase,
            ({"id": n, "notice_id": n, "case_id": case} for n, case in enumerate(self._confirmed(), 1)),
        )
        yield "uploads", models.Upload, self._each(self._upload, UPLOADS)
        yield "files of uploads", models.UploadFile, self._each(self._file, UPLOADS * sizes.files)
        yield "events", models.Event, self._each(self._event, sizes.cases)

    def _each(self, make: Any, count: int) -> Iterator[Row]:  # noqa: ANN401 - from a number to a row
        return (make(number) for number in range(1, count + 1))

    def _random_time(self) -> datetime:
        since = self.moment - timedelta(days=700)
        return since + (self.moment - since) * self.chance.random()

    def _picture_of(self, number: int) -> int:
        """Return the picture of a sighting, and of the match seen there."""
        return self.sizes.works + (number - 1) % self.sizes.picture_count + 1

    def _work_of(self, case: int) -> int:
        return case * 7919 % self.sizes.works + 1

    def _confirmed(self) -> Iterator[int]:
        return (case for case in range(1, self.sizes.cases + 1) if _decision(case) == "confirmed")

    def _picture(self, number: int) -> Row:
        return {
            "id": number,
            "digest": _digest("picture", number),
            "size": 200_000,
            "format": "JPEG",
            "width": 1600,
            "height": 1200,
            "first_seen": self._random_time(),
            "state": "done",
            "bytes_state": "expired",
            "thumbnail": self.thumbnails[number % len(self.thumbnails)],
        }

    def _work(self, number: int) -> Row:
        title = f"{self.chance.choice(WORDS).title()} at the {self.chance.choice(WORDS)} {number}"
        flags = ["plain"] if number % 400 == 0 else []
        author = f"Photographer {number % 200}"
        values = {"title": title, "author": author, "source_name": f"img_{number:06}.jpg", "low_information": flags}
        return self._with_number(number) | {"registered_at": self._random_time()} | values

    def _fingerprints(self) -> Iterator[Row]:
        """Yield empty local features, so that workers that run on this database have nothing to measure."""
        from registry.fingerprints.fingerprints import space_id

        values = {"space_id": space_id(ROOTSIFT), "part": LOCAL, "vector": b""}
        return ({"id": number, "picture_id": number} | values for number in range(1, self.sizes.works + 1))

    def _watch(self, number: int) -> Row:
        sources = [{"kind": "site", "url": f"https://www.party-{number}.example/"}]
        # Paused, so that workers that run on this database visit nothing.
        return self._with_number(number) | {"name": f"Watch {number}", "sources": sources, "paused": True}

    def _crawl(self, number: int) -> Row:
        watch, run = divmod(number - 1, RUNS)
        started = self.moment - timedelta(days=RUNS - run, minutes=watch)
        ended = {"finished_at": started + timedelta(hours=1), "state": "done", "reason": "finished", "pages": 2_000}
        counts = {"pictures": self.sizes.sightings // self.sizes.crawls}
        return {"id": number, "watch_id": watch + 1, "number": run + 1, "started_at": started, **ended, **counts}

    def _refusal(self, number: int) -> Row:
        crawl = (number - 1) // self.sizes.refused + 1
        url, reason = f"https://www.party-{number}.example/page", f"http-{400 + number % 9}"
        return {"id": number, "crawl_id": crawl, "key": _key(number), "url": url, "reason": reason, "at": self.moment}

    def _sighting(self, number: int) -> Row:
        crawl, party = number % self.sizes.crawls + 1, _party((number - 1) // 2)
        page, image = f"https://www.{party}/shop/{number}", f"https://img.{party}/{number}.jpg"
        first_seen = self._random_time()
        return {
            "id": number,
            "crawl_id": crawl,
            "slice_id": crawl,
            "picture_id": self._picture_of(number),
            "page_key": _key(number),
            "image_key": _key(number * 7),
            "page_url": page,
            "image_url": image,
            "final_url": image,
            "host": f"www.{party}",
            "party": party,
            "page_title": f"{self.chance.choice(WORDS)} {self.chance.choice(WORDS)} shop",
            "media_type": "image/jpeg",
            "first_seen": first_seen,
            "last_seen": first_seen + (self.moment - first_seen) / 3,
        }

    def _match(self, number: int) -> Row:
        certain = number % 10 < 7
        return {
            "id": number,
            "registered_id": self._work_of((number + 1) // 2),
            "found_id": self._picture_of(number),
            "pipeline": "seeded",
            "decision": "certain" if certain else "review",
            "hamming": self.chance.randrange(40),
            "inliers": self.chance.randrange(20, 400),
            "dense": self.chance.random(),
            "transform": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            "overlap_work": self.chance.random(),
            "overlap_picture": self.chance.random(),
            "probability": 0.99 if certain else self.chance.random(),
            "made_at": self.moment,
        }

    def _case(self, number: int) -> Row:
        decision, opened = _decision(number), self._random_time()
        decided = {"decided_at": opened + (self.moment - opened) / 2, "decided_by": self.person, "reason": "Looked at."}
        values = {"work_id": self._work_of(number), "party": _party(number - 1), "opened_at": opened}
        return self._with_number(number) | values | {"decision": decision} | ({} if decision == "open" else decided)

    def _capture(self, number: int) -> Row:
        place = 2 * number - 1
        ended = {"started_at": self.moment, "finished_at": self.moment, "outcome": "captured", "state": "done"}
        keys = {"page_key": _key(place), "image_key": _key(place * 7)}
        return {"id": number, "case_id": number, "sighting_id": place, **keys, **ended}

    def _line(self, number: int) -> Row:
        values = {"kind": "opened", "sentence": "A match at a new place."}
        return {"id": number, "case_id": (number - 1) // 3 + 1, "at": self._random_time(), **values}

    def _licence(self, number: int) -> Row:
        return self._with_number(number) | {"licensee": f"Licensee {number}", "domain": f"licensee-{number}.example"}

    def _bundle(self, number: int, case: int) -> Row:
        seal_values = {"seal_digest": _digest("seal", number), "sealed_at": self._random_time(), "state": "done"}
        return {"id": number, "case_id": case, "number": 1, **seal_values}

    def _package(self, number: int) -> Row:
        file = {"name": "studio-case-1-bundle-1.zip", "digest": "00" * 32, "size": 2_000_000, "crc": 0}
        state_values = {"made_at": self.moment, "expires_at": self.moment + timedelta(days=30), "state": "done"}
        request = {"recipient": "court", "asked_by": self.person, "files": [file] * BUNDLES_PER_PACKAGE}
        return self._with_number(number) | request | state_values

    def _packed(self) -> Iterator[Row]:
        bundles = sum(1 for _ in self._confirmed())
        each = min(BUNDLES_PER_PACKAGE, bundles)
        for number in range(self.sizes.packages * each):
            package, place = divmod(number, each)
            bundle = (package * each + place) % bundles + 1
            yield {"id": number + 1, "package_id": package + 1, "bundle_id": bundle}

    def _report(self, number: int) -> Row:
        file = {"name": f"report-{number}.pdf", "digest": "00" * 32, "size": 4_000_000, "media_type": "application/pdf"}
        parameters = {"title": f"Report {number}", "preparer": self.person}
        return self._with_number(number) | {"parameters": parameters, "files": [file], "state": "done"}

    def _notice(self, number: int, case: int) -> Row:
        values = {"kind": "dmca", "language": "en", "party": _party(case - 1), "created_by": self.person}
        return (
            self._with_number(number)
            | values
            | {"state": "sent", "created_at": self._random_time(), "sent_at": self.moment}
        )

    def _upload(self, number: int) -> Row:
        values = {"started_by": self.person, "started_at": self._random_time(), "closed_at": self.moment}
        return self._with_number(number) | values | {"announced": self.sizes.files}

    def _file(self, number: int) -> Row:
        upload = (number - 1) // self.sizes.files + 1
        values = {"name": f"img_{number:06}.jpg", "digest": _digest("file", number), "size": 200_000, "state": "done"}
        refused = number % 100 == 0
        work = None if refused else (number - 1) % self.sizes.works + 1
        outcome, reason = ("refused", "damaged") if refused else ("registered", "")
        return {"id": number, "upload_id": upload, **values, "work_id": work, "outcome": outcome, "reason": reason}

    def _event(self, number: int) -> Row:
        values = {"kind": "case.opened", "about": {"case": number}, "at": self._random_time()}
        return {"id": number, "owner_id": self.owner, **values}

    def _with_number(self, number: int) -> Row:
        return {"id": number, "owner_id": self.owner, "number": number}


def _registered(number: int) -> Row:
    return {"id": number, "work_id": number, "picture_id": number, "state": "done"}


def _slice(number: int) -> Row:
    return {"id": number, "crawl_id": number, "number": 1, "state": "done"}


def _place(number: int) -> Row:
    return {"id": number, "case_id": (number + 1) // 2, "match_id": number, "sighting_id": number}


def _decision(case: int) -> str:
    return DECISIONS[case * 31 % len(DECISIONS)]


_CROWD = [f"party-{int(random.Random(n).paretovariate(0.6)) % PARTIES}.example" for n in range(10_007)]
"""Sites of the sightings: a third belongs to one site, and thousands of sites have one each."""


def _party(number: int) -> str:
    return _CROWD[number % len(_CROWD)]


def _digest(what: str, number: int) -> bytes:
    return hashlib.sha256(f"{what} {number}".encode()).digest()


def _key(number: int) -> bytes:
    return number.to_bytes(16, "big")


OWNER, PERSON, PASSWORD = "seeded", "operator@example.org", "seeded for trials"
PICTURES = 40
QUEUE_SQL = """
UPDATE registry_case c
SET waits = (c.decision = 'open'), places = s.places, likelihood = s.likelihood, shown_id = s.shown
FROM (
    SELECT cs.case_id, count(DISTINCT (g.page_key, g.image_key)) AS places,
           max(coalesce(m.probability, CASE m.decision WHEN 'certain' THEN 0.9 ELSE 0.3 END)) AS likelihood,
           (array_agg(cs.id ORDER BY m.decision = 'certain' DESC, coalesce(m.probability, 0) DESC,
                      m.dense DESC, m.id, g.last_seen DESC, cs.id DESC))[1] AS shown
    FROM registry_casesighting cs
    JOIN registry_match m ON m.id = cs.match_id
    JOIN registry_sighting g ON g.id = cs.sighting_id
    GROUP BY cs.case_id
) s
WHERE s.case_id = c.id
"""
"""Values by which the queue is sorted."""


def seed(services: "Services", sizes: Sizes) -> None:
    """Fill an empty database.

    Raises:
        SystemExit: An owner exists already.
    """
    from django.db import connection, transaction

    from registry.members import accounts
    from registry.models import Owner, Role, User

    if Owner.objects.exists():
        sys.exit("There are rows already. Seed into a data folder of its own: EXHIBIT_DATA=var/seeded")
    thumbnails = _thumbnails(services)
    with transaction.atomic():
        owner = Owner.objects.create(slug=OWNER, name="Seeded Agency")
        accounts.add_member(owner, PERSON, Role.OWNER, PASSWORD, by=PERSON)
        User.objects.update(is_staff=True)
        for name, model, rows in Seed(owner.pk, PERSON, sizes, thumbnails, now(), random.Random(1)).tables():
            print(f"  {_copy_rows(model, rows):>9,} {name}", flush=True)
        with connection.cursor() as cursor:
            cursor.execute(QUEUE_SQL)


def _thumbnails(services: "Services") -> list[bytes]:
    """Store some small pictures in the blob store, shared by all rows."""
    from demo.pictures import textured

    digests = []
    for number in range(PICTURES):
        out = io.BytesIO()
        textured(number, (256, 192)).save(out, format="JPEG", quality=70)
        digests.append(services.blobs.put(out.getvalue()).raw)
    return digests


def _copy_rows(model: "type[Model]", rows: Iterable[Mapping[str, Any]]) -> int:
    """Copy rows with the given IDs. Missing values have the model's defaults."""
    from django.db import connection
    from django.db.models import NOT_PROVIDED

    fields = [column for column in model._meta.concrete_fields if not column.generated]
    count = 0
    with connection.cursor() as cursor:
        first = next(iter(rows := iter(rows)))
        columns = [column for column in fields if column.attname in first or column.db_default is NOT_PROVIDED]
        fresh, unnamed = model(), [column for column in columns if column.attname not in first]
        usual = {
            column.attname: column.get_db_prep_save(column.pre_save(fresh, add=True), connection) for column in unnamed
        }
        prepared = {column.attname: column.get_db_prep_save for column in columns}
        names = ", ".join(f'"{column.column}"' for column in columns)
        with cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy:
            for row in itertools.chain([first], rows):
                values = {name: prepared[name](value, connection) for name, value in row.items()}
                copy.write_row(
                    [
                        values[column.attname] if column.attname in values else usual[column.attname]
                        for column in columns
                    ]
                )
                count += 1
        sequence = "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)"
        cursor.execute(sequence, [model._meta.db_table, count])
    return count


def main() -> int:
    """Seed the database of this configuration."""
    parser = argparse.ArgumentParser(prog="python -m bench.seed", description=__doc__)
    parser.add_argument("--works", type=int, default=100_000)
    parser.add_argument("--sightings", type=int, default=1_000_000)
    parser.add_argument("--cases", type=int, default=20_000)
    options = parser.parse_args()
    from workers.servers.keeper import ensure_servers

    config = load_config()
    with ensure_servers(config):
        from workers.database.schema import migrate

        migrate()
        from django.db import connection

        from registry.services.services import Services

        seed(Services(config), Sizes(options.works, options.sightings, options.cases))
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    print(f"Sign in as {PERSON} with the password: {PASSWORD}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
