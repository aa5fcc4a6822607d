"""``python -m bench.desk``: what each page of the site takes at the size of a seeded database (``bench.seed``).

Every page is asked for again and again, each time about another thing, by a person who is signed in: the time of the
server, the questions to the database, and the bytes of the page. Let a crawl run beside it to see them under load.
"""

import argparse
import logging
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.seed import OWNER, PERSON
from exhibit.config import load_config

if TYPE_CHECKING:
    from django.test import Client
    from django.urls.resolvers import URLPattern

MOST_MS, MOST_QUERIES = 300, 30
LEFT_OUT = {"sign-out", "metrics", "healthz", "log-checkpoint", "log-tile", "log-entries"}


@dataclass(frozen=True, slots=True)
class Page:
    """What a page took.

    Attributes:
        name: of its address.
        milliseconds, queries, kilobytes: of each time that it was asked for.
    """

    name: str
    milliseconds: Sequence[float]
    queries: Sequence[int]
    kilobytes: Sequence[float]

    @property
    def is_slow(self) -> bool:
        """Whether it is beyond what is aimed at, at the 95th percentile."""
        return percentile(self.milliseconds) > MOST_MS or percentile(self.queries) > MOST_QUERIES


def percentile(values: Sequence[float], share: float = 0.95) -> float:
    """The value that so large a share of them doesn't exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def pages(client: "Client", times: int) -> Iterator[Page]:
    """Ask for every page that a member can open; those that need something that isn't seeded are left out."""
    from django.urls import reverse

    chance = random.Random(1)
    for pattern in sorted(_patterns(), key=lambda one: str(one.name)):
        name = str(pattern.name)
        if pattern.name is None or name in LEFT_OUT:
            continue
        told: list[tuple[float, int, float]] = []
        for _ in range(times + 1):
            values = {key: _value(name, key, chance) for key in pattern.pattern.converters}
            asked = _asked(client, reverse(name, kwargs=values))
            if asked is None:
                break
            told.append(asked)
        if len(told) > 1:
            milliseconds, queries, kilobytes = zip(*told[1:], strict=True)  # the first one loads templates
            yield Page(name, milliseconds, queries, kilobytes)


def _patterns() -> "Iterator[URLPattern]":
    from django.urls import get_resolver
    from django.urls.resolvers import URLPattern

    waiting: list[Any] = [get_resolver()]
    while waiting:
        one = waiting.pop()
        if isinstance(one, URLPattern):
            if one.lookup_str.startswith("desk."):  # pages of ours
                yield one
        elif not one.namespace:  # a program's interface has none of our pages
            waiting += one.url_patterns


def _value(name: str, key: str, chance: random.Random) -> object:
    """Something that the seeded database has."""
    from registry import models

    most: Mapping[str, Any] = {"case": models.Case, "work": models.Work, "licence": models.Licence}
    model = next((one for word, one in most.items() if word in name), models.Watch)
    if key == "slug":
        return OWNER
    if key == "match":
        return chance.randint(1, models.CaseSighting.objects.count())
    return chance.randint(1, min(model.objects.count(), 20) if model is models.Watch else model.objects.count())


def _asked(client: "Client", address: str) -> tuple[float, int, float] | None:
    """Milliseconds, queries and kilobytes of a page; ``None`` for what isn't a page that is there."""
    with _counted() as queries:
        begun = time.perf_counter()
        answer = client.get(address)
        taken = (time.perf_counter() - begun) * 1000
    if answer.status_code != 200 or not answer.headers.get("Content-Type", "").startswith("text/html"):
        return None
    return taken, len(queries), len(answer.content) / 1000


@contextmanager
def _counted() -> Iterator[list[str]]:
    from django.db import connection

    asked: list[str] = []

    def note(execute: Any, query: str, *rest: Any) -> Any:  # noqa: ANN401 - Django's wrapper
        asked.append(query)
        return execute(query, *rest)

    with connection.execute_wrapper(note):
        yield asked


def main() -> int:
    """Measure every page; 1 when one is beyond what is aimed at."""
    parser = argparse.ArgumentParser(prog="python -m bench.desk", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="how often each page is asked for")
    options = parser.parse_args()
    from workers.keeper import ensure_servers

    with ensure_servers(load_config()):
        from workers.migrate import migrate

        migrate()
        from django.test import Client

        from registry.models import User

        person = User.objects.filter(email=PERSON).first()
        if person is None:
            print("Nothing is seeded here: python -m bench.seed", file=sys.stderr)
            return 2
        logging.getLogger("django.request").setLevel(logging.ERROR)  # of what isn't seeded
        client = Client(SERVER_NAME="localhost")
        client.force_login(person)
        slow = 0
        print(f"{'page':<28} {'ms':>6} {'95%':>6} {'queries':>8} {'95%':>4} {'kB':>7}")
        for page in pages(client, options.times):
            slow += page.is_slow
            figures = f"{median(page.milliseconds):>6.0f} {percentile(page.milliseconds):>6.0f}"
            asked = f"{median(page.queries):>8.0f} {percentile(page.queries):>4.0f} {median(page.kilobytes):>7.1f}"
            print(f"{page.name:<28} {figures} {asked}{'  beyond' if page.is_slow else ''}", flush=True)
    return int(bool(slow))


if __name__ == "__main__":
    sys.exit(main())
