"""Pages come back when they have probably changed: what the visits of a watch saw of each page, and which are due.

Where a watch knows at least as many pages as a run may visit, half of a run's pages are those that have most probably
changed since their last visit; the rest is for pages that were never visited, and after them for others that are known.

The changes of a page are taken for a Poisson process. Its rate comes from the share of its visits that found it
changed, by its logarithm (Cho and Garcia-Molina, "Estimating frequency of change", ACM TOIT 3, 2003); Jeffreys' prior
for that share lets a page that was never seen to change come back, too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, F, Q

from exhibit.clock import now
from exhibit.network.addresses import host_of, registrable_domain, url_key
from registry.crawls.budgets import left
from registry.crawls.crawling import NewUrl, add_urls
from registry.db.bulk import storable
from registry.db.rows import write
from registry.models import Crawl, FrontierUrl, KnownPage, StepState

MAX_ADDED = 10_000
"""Known pages that are added to a frontier at a time."""

GONE = frozenset({"http-404", "http-410"})
_DAY = timedelta(days=1)
_RATE = """
    CASE WHEN visits = 0 THEN ln(2) / greatest(%(interval)s, 1e-3)
    ELSE -ln(1 - (changes + 0.5) / (visits + 1)) / greatest(days / visits, 1e-3) END
"""
"""Changes a day. A page that was visited once is taken to change as likely as not from one run to the next."""


@dataclass(frozen=True, slots=True)
class Visited:
    """What a visit saw of a page."""

    url: str
    depth: int
    shown: bytes  # digest of the pictures and words that it showed; empty when the server said that nothing has changed
    at: datetime


def begin(crawl: Crawl) -> None:
    """Choose the first pages of a crawl that has just begun, if its watch knows as many as a run may visit."""
    pages = crawl.watch.budget.get("pages")
    if pages is None or KnownPage.objects.filter(watch=crawl.watch_id)[: int(pages)].count() < int(pages):
        return
    write(crawl, by_change=True)
    half = int(pages) // 2
    add_urls(crawl.pk, [*_due(crawl, half), *_never_visited(crawl, int(pages) - half)])


def add_due(crawl_id: int) -> None:
    """Add known pages where nothing else waits and pages are left, those first that have most probably changed."""
    crawl = Crawl.objects.select_related("watch").get(pk=crawl_id)
    if not crawl.by_change or crawl.reason or crawl.state != StepState.DOING:
        return
    may = left(crawl)
    if may.pages and not may.spent and not crawl.frontier.filter(state=FrontierUrl.State.PENDING).exists():
        add_urls(crawl_id, _due(crawl, may.pages))


def due_or_new(crawl: Crawl, links: Iterable[tuple[NewUrl, datetime | None]]) -> list[NewUrl]:
    """Of what one document names, what isn't a page visited before, and the pages changed since by its own dates.

    Dates that call more than half of the known pages changed say nothing: some servers write today's on all of them.
    A bare day stands as its end, so that a date may lie a day ahead.
    """
    told, moment = {new.key: (new, modified) for new, modified in links}, now()
    rows = KnownPage.objects.filter(watch=crawl.watch_id, key__in=list(told)).values_list("key", "visited_at")
    known = {bytes(key): visited for key, visited in rows}
    changed = {key for key, visited in known.items() if (date := told[key][1]) and visited < date <= moment + _DAY}
    if 2 * len(changed) > len(known):
        changed = set()
    return [new for key, (new, _modified) in told.items() if key not in known or key in changed]


def keep(watch_id: int, visits: Sequence[Visited], refused: Mapping[str, str]) -> None:
    """Record what visits saw, and which pages refused (by address, with the reason): one that has gone is forgotten.

    Inside the transaction that ends the visits, so that each counts once.
    """
    by_key = {url_key(visit.url): visit for visit in visits}
    rows = [(key, storable(visit.url), visit.depth, visit.shown, visit.at) for key, visit in by_key.items()]
    names = ("keys", "urls", "depths", "shown", "at")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO registry_knownpage AS known
                (watch_id, key, url, depth, shown, visited_at, visits, changes, days)
            SELECT %(watch)s, key, url, depth, shown, at, 0, 0, 0 FROM unnest(
                %(keys)s::bytea[], %(urls)s::text[], %(depths)s::int[], %(shown)s::bytea[], %(at)s::timestamptz[]
            ) AS visit (key, url, depth, shown, at)
            ORDER BY key
            ON CONFLICT (watch_id, key) DO UPDATE SET
                depth = least(known.depth, excluded.depth),
                shown = CASE WHEN excluded.shown = '' THEN known.shown ELSE excluded.shown END,
                changes = known.changes + (excluded.shown NOT IN ('', known.shown))::int,
                visits = known.visits + 1,
                days = known.days + greatest(EXTRACT(epoch FROM excluded.visited_at - known.visited_at) / 86400, 0),
                visited_at = excluded.visited_at
            """,
            {"watch": watch_id, **{name: [row[place] for row in rows] for place, name in enumerate(names)}},
        )
    pages = KnownPage.objects.filter(watch=watch_id)
    gone = [url_key(url) for url, reason in refused.items() if reason in GONE]
    pages.filter(key__in=gone).delete()
    pages.filter(key__in=[url_key(url) for url in refused]).update(visited_at=now())


def changed_weekly(watch_id: int) -> tuple[int, int]:
    """How many pages of a watch were seen to change weekly at least, of how many that it has visited for a week."""
    known = KnownPage.objects.filter(watch=watch_id, days__gte=7)
    often = Q(changes__gt=0, changes__gte=F("days") / 7)
    told = known.aggregate(often=Count("pk", filter=often), known=Count("pk"))
    return told["often"], told["known"]


def _due(crawl: Crawl, most: int) -> list[NewUrl]:
    """Known pages that aren't in a crawl's frontier: those of canaries, then what has most probably changed."""
    watch = crawl.watch
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT url, depth FROM registry_knownpage AS known
            WHERE watch_id = %(watch)s AND depth <= %(depth)s
            AND NOT EXISTS (
                SELECT FROM registry_frontierurl AS waiting
                WHERE waiting.crawl_id = %(crawl)s AND waiting.key = known.key
            )
            ORDER BY EXISTS (
                SELECT FROM registry_canary AS canary
                WHERE canary.watch_id = known.watch_id AND canary.key = known.key AND canary.removed_at IS NULL
            ) DESC, ({_RATE}) * abs(EXTRACT(epoch FROM %(now)s - visited_at)) DESC, id
            LIMIT %(most)s
            """,  # noqa: S608 - nothing of a stranger's is in it
            {
                "watch": watch.pk, "crawl": crawl.pk, "depth": watch.budget.get("depth", 2**15 - 1), "now": now(),
                "interval": watch.interval_seconds / 86_400, "most": min(most, MAX_ADDED),
            },
        )  # fmt: skip
        rows: list[tuple[str, int]] = cursor.fetchall()
    return _inside(crawl, rows)


def _never_visited(crawl: Crawl, most: int) -> list[NewUrl]:
    """Pages for which the run before had no time, patterns of addresses in turns as it would have visited them."""
    before = crawl.watch.crawls.filter(number__lt=crawl.number).order_by("-number").first()
    if before is None:
        return []
    waiting = before.frontier.filter(state=FrontierUrl.State.PENDING, kind="page").order_by("depth", "turn", "id")
    rows = waiting.values_list("url", "depth")[: min(most, MAX_ADDED)]
    return _inside(crawl, rows)


def _inside(crawl: Crawl, pages: Iterable[tuple[str, int]]) -> list[NewUrl]:
    """What lies on a site that the watch still looks at: its places may have changed since. With depths, as pages."""
    sources: Sequence[Mapping[str, Any]] = crawl.sources
    domains = {registrable_domain(host_of(source["url"])) for source in sources}
    return [NewUrl(url, "page", depth) for url, depth in pages if registrable_domain(host_of(url)) in domains]
