"""``python -m bench.seed``: a database as it is after years, for developers: plausible rows, few pictures, in minutes.

Rows go in by COPY with numbers of their own (:mod:`bench.seeded_rows`); only for an empty database. Nothing that is
seeded is evidence of anything: bundles have a number and no contents, and the log knows of none.
"""

import argparse
import io
import itertools
import random
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bench.seeded_rows import Seed, Sizes
from exhibit.clock import now
from registry.configuration import load_config

if TYPE_CHECKING:
    from django.db.models import Model

    from registry.services.services import Services

OWNER, PERSON, PASSWORD = "seeded", "operator@example.org", "seeded for trials"
PICTURES = 40
ATTENTION = """
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
"""What the queue sorts by."""


def seed(services: "Services", sizes: Sizes) -> None:
    """Fill an empty database.

    Raises:
        SystemExit: there is an owner already.
    """
    from django.db import connection, transaction

    from registry.models import Owner, User

    if Owner.objects.exists():
        sys.exit("There are rows already. Seed into a data folder of its own: EXHIBIT_DATA=var/seeded")
    thumbnails = _thumbnails(services)
    with transaction.atomic():
        owner = Owner.objects.create(slug=OWNER, name="Seeded Agency")
        User.objects.create_user(PERSON, PERSON, PASSWORD, is_staff=True).memberships.create(owner=owner, role="owner")
        for name, model, rows in Seed(owner.pk, PERSON, sizes, thumbnails, now(), random.Random(1)).tables():
            print(f"  {_copy(model, rows):>9,} {name}", flush=True)
        with connection.cursor() as cursor:
            cursor.execute(ATTENTION)


def _thumbnails(services: "Services") -> list[bytes]:
    """Some small pictures in the blob store, which all rows share."""
    from demo.pictures import textured

    kept = []
    for number in range(PICTURES):
        out = io.BytesIO()
        textured(number, (256, 192)).save(out, format="JPEG", quality=70)
        kept.append(services.blobs.put(out.getvalue()).raw)
    return kept


def _copy(model: "type[Model]", rows: Iterable[Mapping[str, Any]]) -> int:
    """Copy rows with numbers of their own; what isn't given is as the model has it."""
    from django.db import connection
    from django.db.models import NOT_PROVIDED

    fields = [one for one in model._meta.concrete_fields if not one.generated]
    count = 0
    with connection.cursor() as cursor:
        first = next(iter(rows := iter(rows)))
        given = [one for one in fields if one.attname in first or one.db_default is NOT_PROVIDED]
        fresh, unnamed = model(), [one for one in given if one.attname not in first]
        usual = {one.attname: one.get_db_prep_save(one.pre_save(fresh, add=True), connection) for one in unnamed}
        prepared = {one.attname: one.get_db_prep_save for one in given}
        names = ", ".join(f'"{one.column}"' for one in given)
        with cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy:
            for row in itertools.chain([first], rows):
                made = {name: prepared[name](value, connection) for name, value in row.items()}
                copy.write_row([made[one.attname] if one.attname in made else usual[one.attname] for one in given])
                count += 1
        sequence = "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)"
        cursor.execute(sequence, [model._meta.db_table, count])
    return count


def main() -> int:
    """Seed this configuration's database."""
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
