"""Fill a database as after years of use, for developers, within minutes: ``python -m bench.seed``.

The rows are plausible and have few pictures. They are inserted by COPY with fixed IDs, so the database must be empty.
Seeded rows are not evidence: bundles have no content, and the log does not contain them.
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
WATCH_COUNT, RUNS_PER_WATCH, SITE_COUNT = 25, 20, 4_000
UPLOAD_COUNT, REPORT_COUNT, LICENCE_COUNT = 100, 200, 500
BUNDLES_PER_PACKAGE = 20
"""Number of bundles per package."""
DECISIONS = ("open",) * 6 + ("confirmed",) * 2 + ("licensed", "dismissed")
WORDS = ("harbour", "market", "bridge", "mountain", "portrait", "winter", "river", "night", "garden", "tower")


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Numbers of rows to create."""

    works: int
    sightings: int
    cases: int

    def __post_init__(self) -> None:
        if 2 * self.cases > self.sightings:
            raise ValueError("Each case is seen at two places: so many sightings are needed at least.")

    @property
    def picture_count(self) -> int:
        """Number of different seen pictures. Each is seen several times."""
        return max(2 * self.cases, self.sightings // 4)

    @property
    def crawl_count(self) -> int:
        """Number of runs of all watches."""
        return WATCH_COUNT * RUNS_PER_WATCH

    @property
    def refusals_per_crawl(self) -> int:
        """Number of refusals of a crawl."""
        return max(1, self.sightings // 5_000)

    @property
    def files_per_upload(self) -> int:
        """Number of files per upload. Half of the works were uploaded."""
        return max(1, self.works // 2 // UPLOAD_COUNT)

    @property
    def package_count(self) -> int:
        """Number of packages, which contain several bundles each."""
        return max(1, self.cases // 100)


@dataclass(frozen=True, slots=True)
class RowSource:
    """Source of the rows.

    Attributes:
        owner: Primary key of the owner.
        user_name: User who made the decisions.
        sizes: Numbers of rows.
        thumbnails: Digests of pictures in the blob store, shared by all rows.
        current_time: Current time.
        rng: Seeded random number generator.
    """

    owner: int
    user_name: str
    sizes: RowCounts
    thumbnails: Sequence[bytes]
    current_time: datetime
    rng: random.Random

    def generate_tables(self) -> "Iterator[tuple[str, type[Model], Iterator[Row]]]":
        """Yield name, model and rows of every table."""
        from registry import models

        sizes = self.sizes
        yield "pictures", models.Picture, self._generate_rows(self._make_picture, sizes.works + sizes.picture_count)
        yield "works", models.Work, self._generate_rows(self._make_work, sizes.works)
        yield "registered pictures", models.WorkPicture, self._generate_rows(_make_registration, sizes.works)
        yield "fingerprints", models.FingerprintRow, self._make_fingerprints()
        yield "watches", models.Watch, self._generate_rows(self._make_watch, WATCH_COUNT)
        yield "crawls", models.Crawl, self._generate_rows(self._make_crawl, sizes.crawl_count)
        yield "slices", models.CrawlSlice, self._generate_rows(_make_slice, sizes.crawl_count)
        yield (
            "refusals",
            models.Refusal,
            self._generate_rows(self._make_refusal, sizes.crawl_count * sizes.refusals_per_crawl),
        )
        yield "sightings", models.Sighting, self._generate_rows(self._make_sighting, sizes.sightings)
        yield "matches", models.Match, self._generate_rows(self._make_match, 2 * sizes.cases)
        yield "cases", models.Case, self._generate_rows(self._make_case, sizes.cases)
        yield "places of cases", models.CaseSighting, self._generate_rows(_make_place, 2 * sizes.cases)
        yield "captures", models.Capture, self._generate_rows(self._make_capture, sizes.cases)
        yield "lines of histories", models.CaseEvent, self._generate_rows(self._make_line, 3 * sizes.cases)
        yield "licences", models.Licence, self._generate_rows(self._make_licence, LICENCE_COUNT)
        yield (
            "bundles",
            models.Bundle,
            (self._make_bundle(n, case) for n, case in enumerate(self._list_confirmed_cases(), 1)),
        )
        yield "packages", models.Package, self._generate_rows(self._make_package, sizes.package_count)
        yield "bundles of packages", models.Package.bundles.through, self._make_package_bundles()
        yield "reports", models.Report, self._generate_rows(self._make_report, REPORT_COUNT)
        yield (
            "notices",
            models.Notice,
            (self._make_notice(n, case) for n, case in enumerate(self._list_confirmed_cases(), 1)),
        )
        yield (
            "cases of notices",
            models.NoticeCase,
            ({"id": n, "notice_id": n, "case_id": case} for n, case in enumerate(self._list_confirmed_cases(), 1)),
        )
        yield "uploads", models.Upload, self._generate_rows(self._make_upload, UPLOAD_COUNT)
        yield (
            "files of uploads",
            models.UploadFile,
            self._generate_rows(self._make_file, UPLOAD_COUNT * sizes.files_per_upload),
        )
        yield "events", models.Event, self._generate_rows(self._make_event, sizes.cases)

    def _generate_rows(self, make: Any, count: int) -> Iterator[Row]:  # noqa: ANN401 - from a number to a row
        return (make(number) for number in range(1, count + 1))

    def _random_time(self) -> datetime:
        time_span = self.current_time - timedelta(days=700)
        return time_span + (self.current_time - time_span) * self.rng.random()

    def _get_picture_id(self, number: int) -> int:
        """Return the picture ID of a sighting and its match."""
        return self.sizes.works + (number - 1) % self.sizes.picture_count + 1

    def _get_work_id(self, case: int) -> int:
        return case * 7919 % self.sizes.works + 1

    def _list_confirmed_cases(self) -> Iterator[int]:
        return (case for case in range(1, self.sizes.cases + 1) if _choose_decision(case) == "confirmed")

    def _make_picture(self, number: int) -> Row:
        return {
            "id": number,
            "digest": _make_digest("picture", number),
            "size": 200_000,
            "format": "JPEG",
            "width": 1600,
            "height": 1200,
            "first_seen": self._random_time(),
            "state": "done",
            "bytes_state": "expired",
            "thumbnail": self.thumbnails[number % len(self.thumbnails)],
        }

    def _make_work(self, number: int) -> Row:
        title = f"{self.rng.choice(WORDS).title()} at the {self.rng.choice(WORDS)} {number}"
        flags = ["plain"] if number % 400 == 0 else []
        author = f"Photographer {number % 200}"
        values = {"title": title, "author": author, "source_name": f"img_{number:06}.jpg", "low_information": flags}
        return self._make_numbered(number) | {"registered_at": self._random_time()} | values

    def _make_fingerprints(self) -> Iterator[Row]:
        """Yield empty local features, so that workers on this database have nothing to measure."""
        from registry.fingerprints.fingerprints import get_space_id

        values = {"space_id": get_space_id(ROOTSIFT), "part": LOCAL, "vector": b""}
        return ({"id": number, "picture_id": number} | values for number in range(1, self.sizes.works + 1))

    def _make_watch(self, number: int) -> Row:
        sources = [{"kind": "site", "url": f"https://www.party-{number}.example/"}]
        # Paused, so that workers on this database do not crawl.
        return self._make_numbered(number) | {"name": f"Watch {number}", "sources": sources, "paused": True}

    def _make_crawl(self, number: int) -> Row:
        watch, run = divmod(number - 1, RUNS_PER_WATCH)
        started = self.current_time - timedelta(days=RUNS_PER_WATCH - run, minutes=watch)
        end_values = {
            "finished_at": started + timedelta(hours=1),
            "state": "done",
            "reason": "finished",
            "pages": 2_000,
        }
        counts = {"pictures": self.sizes.sightings // self.sizes.crawl_count}
        return {"id": number, "watch_id": watch + 1, "number": run + 1, "started_at": started, **end_values, **counts}

    def _make_refusal(self, number: int) -> Row:
        crawl = (number - 1) // self.sizes.refusals_per_crawl + 1
        url, reason = f"https://www.party-{number}.example/page", f"http-{400 + number % 9}"
        return {
            "id": number,
            "crawl_id": crawl,
            "key": _make_key(number),
            "url": url,
            "reason": reason,
            "at": self.current_time,
        }

    def _make_sighting(self, number: int) -> Row:
        crawl, party = number % self.sizes.crawl_count + 1, _choose_site((number - 1) // 2)
        page, image = f"https://www.{party}/shop/{number}", f"https://img.{party}/{number}.jpg"
        first_seen = self._random_time()
        return {
            "id": number,
            "crawl_id": crawl,
            "slice_id": crawl,
            "picture_id": self._get_picture_id(number),
            "page_key": _make_key(number),
            "image_key": _make_key(number * 7),
            "page_url": page,
            "image_url": image,
            "final_url": image,
            "host": f"www.{party}",
            "party": party,
            "page_title": f"{self.rng.choice(WORDS)} {self.rng.choice(WORDS)} shop",
            "media_type": "image/jpeg",
            "first_seen": first_seen,
            "last_seen": first_seen + (self.current_time - first_seen) / 3,
        }

    def _make_match(self, number: int) -> Row:
        is_certain = number % 10 < 7
        return {
            "id": number,
            "registered_id": self._get_work_id((number + 1) // 2),
            "found_id": self._get_picture_id(number),
            "pipeline": "seeded",
            "decision": "certain" if is_certain else "review",
            "hamming": self.rng.randrange(40),
            "inliers": self.rng.randrange(20, 400),
            "dense": self.rng.random(),
            "transform": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            "overlap_work": self.rng.random(),
            "overlap_picture": self.rng.random(),
            "probability": 0.99 if is_certain else self.rng.random(),
            "made_at": self.current_time,
        }

    def _make_case(self, number: int) -> Row:
        decision, opened_at = _choose_decision(number), self._random_time()
        is_decided = {
            "decided_at": opened_at + (self.current_time - opened_at) / 2,
            "decided_by": self.user_name,
            "reason": "Looked at.",
        }
        values = {"work_id": self._get_work_id(number), "party": _choose_site(number - 1), "opened_at": opened_at}
        return (
            self._make_numbered(number) | values | {"decision": decision} | ({} if decision == "open" else is_decided)
        )

    def _make_capture(self, number: int) -> Row:
        position = 2 * number - 1
        end_values = {
            "started_at": self.current_time,
            "finished_at": self.current_time,
            "outcome": "captured",
            "state": "done",
        }
        keys = {"page_key": _make_key(position), "image_key": _make_key(position * 7)}
        return {"id": number, "case_id": number, "sighting_id": position, **keys, **end_values}

    def _make_line(self, number: int) -> Row:
        values = {"kind": "opened", "sentence": "A match at a new place."}
        return {"id": number, "case_id": (number - 1) // 3 + 1, "at": self._random_time(), **values}

    def _make_licence(self, number: int) -> Row:
        return self._make_numbered(number) | {"licensee": f"Licensee {number}", "domain": f"licensee-{number}.example"}

    def _make_bundle(self, number: int, case: int) -> Row:
        seal_values = {"seal_digest": _make_digest("seal", number), "sealed_at": self._random_time(), "state": "done"}
        return {"id": number, "case_id": case, "number": 1, **seal_values}

    def _make_package(self, number: int) -> Row:
        file = {"name": "studio-case-1-bundle-1.zip", "digest": "00" * 32, "size": 2_000_000, "crc": 0}
        state_values = {
            "made_at": self.current_time,
            "expires_at": self.current_time + timedelta(days=30),
            "state": "done",
        }
        request = {"recipient": "court", "requested_by": self.user_name, "files": [file] * BUNDLES_PER_PACKAGE}
        return self._make_numbered(number) | request | state_values

    def _make_package_bundles(self) -> Iterator[Row]:
        bundles = sum(1 for _ in self._list_confirmed_cases())
        bundle_count = min(BUNDLES_PER_PACKAGE, bundles)
        for number in range(self.sizes.package_count * bundle_count):
            package, position = divmod(number, bundle_count)
            bundle = (package * bundle_count + position) % bundles + 1
            yield {"id": number + 1, "package_id": package + 1, "bundle_id": bundle}

    def _make_report(self, number: int) -> Row:
        file = {"name": f"report-{number}.pdf", "digest": "00" * 32, "size": 4_000_000, "media_type": "application/pdf"}
        parameters = {"title": f"Report {number}", "preparer": self.user_name}
        return self._make_numbered(number) | {"parameters": parameters, "files": [file], "state": "done"}

    def _make_notice(self, number: int, case: int) -> Row:
        values = {"kind": "dmca", "language": "en", "party": _choose_site(case - 1), "created_by": self.user_name}
        return (
            self._make_numbered(number)
            | values
            | {"state": "sent", "created_at": self._random_time(), "sent_at": self.current_time}
        )

    def _make_upload(self, number: int) -> Row:
        values = {"started_by": self.user_name, "started_at": self._random_time(), "closed_at": self.current_time}
        return self._make_numbered(number) | values | {"announced": self.sizes.files_per_upload}

    def _make_file(self, number: int) -> Row:
        upload = (number - 1) // self.sizes.files_per_upload + 1
        values = {
            "name": f"img_{number:06}.jpg",
            "digest": _make_digest("file", number),
            "size": 200_000,
            "state": "done",
        }
        is_refused = number % 100 == 0
        work = None if is_refused else (number - 1) % self.sizes.works + 1
        outcome, reason = ("refused", "damaged") if is_refused else ("registered", "")
        return {"id": number, "upload_id": upload, **values, "work_id": work, "outcome": outcome, "reason": reason}

    def _make_event(self, number: int) -> Row:
        values = {"kind": "case.opened", "about": {"case": number}, "at": self._random_time()}
        return {"id": number, "owner_id": self.owner, **values}

    def _make_numbered(self, number: int) -> Row:
        return {"id": number, "owner_id": self.owner, "number": number}


def _make_registration(number: int) -> Row:
    return {"id": number, "work_id": number, "picture_id": number, "state": "done"}


def _make_slice(number: int) -> Row:
    return {"id": number, "crawl_id": number, "number": 1, "state": "done"}


def _make_place(number: int) -> Row:
    return {"id": number, "case_id": (number + 1) // 2, "match_id": number, "sighting_id": number}


def _choose_decision(case: int) -> str:
    return DECISIONS[case * 31 % len(DECISIONS)]


_SITE_SEQUENCE = [f"party-{int(random.Random(n).paretovariate(0.6)) % SITE_COUNT}.example" for n in range(10_007)]
"""Sites of sightings: a third of the sightings are on one site, and thousands of sites have one each."""


def _choose_site(number: int) -> str:
    return _SITE_SEQUENCE[number % len(_SITE_SEQUENCE)]


def _make_digest(kind: str, number: int) -> bytes:
    return hashlib.sha256(f"{kind} {number}".encode()).digest()


def _make_key(number: int) -> bytes:
    return number.to_bytes(16, "big")


OWNER, USER_EMAIL, PASSWORD = "seeded", "operator@example.org", "seeded for trials"
THUMBNAIL_COUNT = 40
QUEUE_SQL = """
UPDATE registry_case c
SET is_pending = (c.decision = 'open'), places = s.places, likelihood = s.likelihood, shown_id = s.shown
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


def seed_database(services: "Services", sizes: RowCounts) -> None:
    """Fill an empty database.

    Raises:
        SystemExit: An owner already exists.
    """
    from django.db import connection, transaction

    from registry.members import accounts
    from registry.models import Owner, Role, User

    if Owner.objects.exists():
        sys.exit("There are rows already. Seed into a data folder of its own: EXHIBIT_DATA=var/seeded")
    thumbnails = _store_thumbnails(services)
    with transaction.atomic():
        owner = Owner.objects.create(slug=OWNER, name="Seeded Agency")
        accounts.add_member(owner, USER_EMAIL, Role.OWNER, PASSWORD, by=USER_EMAIL)
        User.objects.update(is_staff=True)
        for name, model, rows in RowSource(
            owner.pk, USER_EMAIL, sizes, thumbnails, now(), random.Random(1)
        ).generate_tables():
            print(f"  {_copy_rows(model, rows):>9,} {name}", flush=True)
        with connection.cursor() as cursor:
            cursor.execute(QUEUE_SQL)


def _store_thumbnails(services: "Services") -> list[bytes]:
    """Store some small pictures in the blob store, shared by all rows."""
    from demo.pictures import generate_textured

    digests = []
    for number in range(THUMBNAIL_COUNT):
        out = io.BytesIO()
        generate_textured(number, (256, 192)).save(out, format="JPEG", quality=70)
        digests.append(services.blobs.put(out.getvalue()).raw)
    return digests


def _copy_rows(model: "type[Model]", rows: Iterable[Mapping[str, Any]]) -> int:
    """Copy rows into a table. Missing values get the model's defaults. Returns the number of rows."""
    from django.db import connection
    from django.db.models import NOT_PROVIDED

    fields = [column for column in model._meta.concrete_fields if not column.generated]
    count = 0
    with connection.cursor() as cursor:
        first = next(iter(rows := iter(rows)))
        columns = [column for column in fields if column.attname in first or column.db_default is NOT_PROVIDED]
        is_numbered, unnamed_fields = model(), [column for column in columns if column.attname not in first]
        defaults = {
            column.attname: column.get_db_prep_save(column.pre_save(is_numbered, add=True), connection)
            for column in unnamed_fields
        }
        prepared_values = {column.attname: column.get_db_prep_save for column in columns}
        names = ", ".join(f'"{column.column}"' for column in columns)
        with cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy:
            for row in itertools.chain([first], rows):
                values = {name: prepared_values[name](value, connection) for name, value in row.items()}
                copy.write_row(
                    [
                        values[column.attname] if column.attname in values else defaults[column.attname]
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

        seed_database(Services(config), RowCounts(options.works, options.sightings, options.cases))
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    print(f"Sign in as {USER_EMAIL} with the password: {PASSWORD}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
