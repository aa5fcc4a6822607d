"""Database operations of crawls: frontier, slices, host leases, and their results."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import cast

from django.db import connection, transaction
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from crawler.archives.cdx import Stated
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.machine import this_process
from exhibit.network.addresses import host_of, names_of, url_key
from exhibit.reasons import Reason
from exhibit.types import SeenElsewhere
from registry.crawls import patterns
from registry.crawls.budgets import Left, left
from registry.crawls.elsewhere import kept, stated
from registry.crawls.models import Crawl, CrawlSlice, FrontierUrl, HostDenial, HostLease, Refusal
from registry.db.bulk import copy_values, storable
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import columns, next_number, write
from registry.db.steps import due
from registry.log.log import submit

LEASE = timedelta(minutes=30)
MAX_HOST = 253
SUSPECT_FROM = 2
"""Number of interrupted attempts after which a URL is visited alone, so that it cannot harm others."""

MAX_COUNTED = 200_000
"""Maximum number of a crawl's URLs that are counted for a page view."""

STOPPED = "stopped"
"""The reason of a crawl that a person stopped."""

PAST = "past"
"""Kind of a watch's source for requesting previously seen pictures again (``crawls.revisits``)."""

BULK = "bulk"
"""Kind of a watch's source for URLs from bulk lists (:mod:`registry.crawls.lists`)."""

HAND = "hand"
"""Kind of a watch's source for URLs that a person enters one at a time (:mod:`registry.crawls.looks`)."""

SEARCH = "search"
"""Kind of a watch's source for an image search or a marketplace (:mod:`registry.crawls.inquiries`)."""

ARCHIVE = "archive"
"""Kind of a watch's source for a domain's pictures from a web archive (:mod:`registry.crawls.captures`)."""

CAPTURE = "capture"
"""Kind of a URL that is an archive's own record of a picture."""

MAX_ATTEMPTS = 4
"""Number of interrupted attempts after which a URL is refused."""

FIRST_REST = timedelta(minutes=1)
"""Pause for a host that states none; doubled for each consecutive pause without a successful visit."""

LONGEST_REST = timedelta(hours=1)
"""A host that requests a longer pause is left to the next crawl."""

MAX_RESTS = 3
"""Maximum number of consecutive pauses for a host without a successful visit."""

_A_TIME = 5_000
"""Number of rows written at a time."""

Counts = Mapping[str, object]
Opening = Callable[[CrawlSlice], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class NewUrl:
    """A URL for a crawl's frontier."""

    url: str  # absolute; a path for a folder or a WARC file
    kind: str  # page, sitemap, feed, image, folder, warc or capture
    depth: int  # number of links followed from the source
    page_url: str = ""  # for an image from a sitemap or feed, the page that shows it
    context: str = ""  # the text beside the image there
    position: str = ""  # how far a folder or WARC file has been read; an archive's statement about a capture
    pattern: str = ""  # shared by URLs of the same kind; empty if there are none, or the URL is visited anyway
    elsewhere: tuple[SeenElsewhere, ...] = ()  # statements from there about when the image was seen or published
    first: bool = False  # a page that precedes all others of its host, at any depth

    @property
    def key(self) -> bytes:
        """The URL's identity in a frontier, 16 bytes; for captures, derived from the archive's content hash."""
        if stated := Stated.read(self.position):
            return url_key(f"sha1:{stated.digest}")
        return url_key(f"{self.url} {self.page_url}") if self.page_url else url_key(self.url)


def denied(host: str) -> bool:
    """Return True if a host, or a domain above it, is on the operator's deny list."""
    return HostDenial.objects.filter(host__in=names_of(host)).exists()


def denials() -> Callable[[str], bool]:
    """Return a predicate for denied hosts, based on the current deny list; it needs no database access."""
    names = frozenset(HostDenial.objects.values_list("host", flat=True))
    return lambda host: not names.isdisjoint(names_of(host))


_COLUMNS = (
    "crawl_id", "key", "url", "host", "kind", "depth", "page_url", "context", "position", "state", "attempts",
    "pattern", "turn", "elsewhere",
)  # fmt: skip


def add_urls(crawl_id: int, urls: Iterable[NewUrl]) -> int:
    """Add URLs to the frontier and return the number of new ones; known URLs stay unchanged. Call it in a transaction.

    URLs whose host exceeds the maximum length of a name (RFC 1035, 2.3.4) are left out, because they cannot be visited.
    """
    return len(add_keyed(crawl_id, {new.key: new for new in urls}))


def add_keyed(crawl_id: int, urls: Mapping[bytes, NewUrl]) -> list[bytes]:
    """Add URLs by key, as :func:`add_urls` does; return the keys that are new and waiting."""
    places = patterns.places_of(crawl_id, {key: (new.pattern, new.kind) for key, new in urls.items()})
    if not places:
        return []
    rows = (
        (
            crawl_id, key, storable(new.url), host, new.kind, new.depth, storable(new.page_url), storable(new.context),
            new.position, place.state.value, 0, place.pattern, 0 if new.first else place.turn,
            json.dumps(kept(new.elsewhere)),
        )
        for key, place in places.items()
        if len(host := host_of((new := urls[key]).url)) <= MAX_HOST
    )  # fmt: skip
    added = cast("list[bytes]", copy_values(FrontierUrl, _COLUMNS, rows, conflict=("crawl_id", "key")))
    return [key for key in added if places[key].state == FrontierUrl.State.PENDING]


def addresses(crawl_id: int) -> tuple[int, int]:
    """Return the numbers of a crawl's visited and waiting URLs, each capped at :data:`MAX_COUNTED`, using indexes."""
    of, state = FrontierUrl.objects.filter(crawl=crawl_id), FrontierUrl.State
    visited = of.filter(state__in=[state.DONE, state.REFUSED])[:MAX_COUNTED].count()
    leased = of.filter(state=state.LEASED, slice__isnull=False).count()
    return visited, min(MAX_COUNTED, of.filter(state=state.PENDING)[:MAX_COUNTED].count() + leased)


def plan_slice(crawl_id: int, *, most_urls: int, most_hosts: int) -> CrawlSlice | None:
    """Lease free hosts with waiting URLs to a new slice.

    Returns ``None`` if no host is free, nothing waits, or the budget is spent. URLs that a contributor had are not
    mixed with others.
    """
    with transaction.atomic():
        crawl = Crawl.objects.select_for_update(no_key=True).get(pk=crawl_id)
        may = left(crawl)
        if crawl.state != StepState.DOING or crawl.reason or may.spent:
            return None
        hosts = _lease_hosts(crawl, may, most_hosts)
        urls = _waiting_urls(crawl_id, hosts, may, most_urls)
        urls = (
            list(FrontierUrl.objects.filter(pk__in=urls, edge_result__isnull=False).values_list("pk", flat=True))
            or urls
        )
        if not urls:
            HostLease.objects.filter(host__in=hosts, slice=None).delete()
            return None
        number = next_number(crawl.slices)
        planned = CrawlSlice.objects.create(crawl=crawl, number=number)
        FrontierUrl.objects.filter(pk__in=urls).update(state=FrontierUrl.State.LEASED, slice=planned)
        HostLease.objects.filter(host__in=hosts).update(slice=planned, epoch=F("epoch") + 1, expires_at=now() + LEASE)
    return planned


def _waiting(crawl: Crawl, may: Left) -> QuerySet[FrontierUrl]:
    """Return the URLs that may still be visited: only images if no pages are left, no new host if no hosts are left."""
    waiting = crawl.frontier.filter(state=FrontierUrl.State.PENDING)
    if not may.pages:
        return waiting.filter(kind="image")
    if not may.hosts:
        known_hosts = crawl.frontier.exclude(kind="image").exclude(state=FrontierUrl.State.PENDING).values("host")
        return waiting.filter(Q(kind="image") | Q(host__in=known_hosts))
    return waiting


def _lease_hosts(crawl: Crawl, may: Left, most: int) -> list[str]:
    """Return hosts with waiting URLs that no open slice has leased, locked by this transaction."""
    if may.pages and may.hosts:
        hosts = _waiting_hosts(crawl.pk, most * 4)
    else:
        hosts = list(_waiting(crawl, may).values_list("host", flat=True).distinct().order_by("host")[: most * 4])
    HostLease.objects.bulk_create([HostLease(host=host, expires_at=now()) for host in hosts], ignore_conflicts=True)
    over = CrawlSlice.objects.filter(state__in=[StepState.DONE, StepState.FAILED])
    free = HostLease.objects.select_for_update(skip_locked=True, no_key=True, of=("self",)).filter(
        (Q(slice=None) & ~_is_resting()) | Q(slice__in=over), host__in=hosts
    )
    return [lease.host for lease in free.order_by("host")[: min(most, may.hosts or most)]]


def _is_resting() -> Q:
    """Return the condition for leases of resting hosts: without a slice, and not expired."""
    return Q(slice=None, expires_at__gt=now())


def resting(crawl: Crawl) -> dict[str, datetime]:
    """Return the hosts a crawl waits for, and until when; they requested it, or their robots.txt is unavailable."""
    if crawl.state != StepState.DOING:
        return {}
    waiting = crawl.frontier.filter(state=FrontierUrl.State.PENDING, host=OuterRef("host"))
    rows = HostLease.objects.filter(_is_resting(), Exists(waiting)).order_by("host")
    return dict(rows.values_list("host", "expires_at"))


def scripts_not_run(crawls: Sequence[Crawl]) -> dict[int, int | None]:
    """Count pages of crawls with scripts that were not run in a browser, by the crawl's primary key.

    The count is ``None`` if slices visited pages without counting them.
    """
    stored_count = KeyTextTransform("scripts_not_run", "counts")
    slices = CrawlSlice.objects.filter(crawl__in=crawls).order_by().values("crawl")
    sums = slices.annotate(
        count=Sum(Cast(stored_count, IntegerField()), default=0),
        uncounted=Count("pk", filter=Q(counts__pages__gt=0) & ~Q(counts__has_key="scripts_not_run")),
    )
    totals = {
        pk: None if uncounted else count for pk, count, uncounted in sums.values_list("crawl", "count", "uncounted")
    }
    return {crawl.pk: totals.get(crawl.pk, 0) for crawl in crawls}


def lacked_browser(crawl: Crawl) -> bool:
    """Return True if pages of a crawl were not rendered because there was no browser."""
    return crawl.slices.filter(counts__unrendered__has_key="no-browser").exists()


def is_whole(crawl: Crawl, *, depth: int) -> bool:
    """Return True if a crawl without refusals has, as far as is known, fetched everything its pages link to and show.

    Nothing may be waiting or left for a later run, no page may have scripts that were not run, and no page may be so
    deep that its links were not followed.
    """
    if crawl.not_asked:
        return False
    deepest = crawl.frontier.filter(state=FrontierUrl.State.DONE, depth__gte=depth).exclude(kind="image")
    was_read = scripts_not_run([crawl])[crawl.pk] == 0 and not left_out(crawl)
    return crawl.reason == "finished" and was_read and not deepest.exists()


def left_out(crawl: Crawl) -> dict[str, int]:
    """Count what the crawler's limits omitted from pages and lists, by ``crawler.reading.limits.LeftOut``."""
    counted = Counter[str]()
    for counts in crawl.slices.filter(counts__has_key="left_out").values_list("counts", flat=True):
        counted.update(counts["left_out"])
    return dict(sorted(counted.items()))


def _waiting_hosts(crawl_id: int, most: int) -> list[str]:
    """Return the first hosts with waiting URLs, by name, using a loose index scan: a host may have millions of rows.

    See https://wiki.postgresql.org/wiki/Loose_indexscan.
    """
    first = "SELECT host FROM registry_frontierurl WHERE crawl_id = %(crawl)s AND state = 'pending'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE waiting AS (
                ({first} ORDER BY host LIMIT 1) UNION ALL
                SELECT ({first} AND host > waiting.host ORDER BY host LIMIT 1) FROM waiting WHERE host IS NOT NULL
            ) SELECT host FROM waiting WHERE host IS NOT NULL LIMIT %(most)s
            """,  # noqa: S608 - it contains no external input
            {"crawl": crawl_id, "most": most},
        )
        return [host for (host,) in cursor.fetchall()]


def _waiting_urls(crawl_id: int, hosts: Sequence[str], may: Left, most: int) -> list[int]:
    """Return the oldest waiting URLs, alternating between hosts; or a single suspect one if no others wait.

    Only a host's URLs nearest to the source are returned, because otherwise the depth of a page would depend on timing.
    Among those, pictures come first, then the first pages of each URL pattern. Pages flagged as first count as the
    nearest, so that a new sitemap cannot delay pages with matches.
    """
    rows = _nearest(crawl_id, hosts, may, most, suspect=False)
    if not rows:
        return [pk for pk, _is_page in _nearest(crawl_id, hosts, may, 1, suspect=True)]
    taken, pages = [], 0
    for pk, is_page in rows:
        pages += is_page
        if not (is_page and pages > may.pages):
            taken.append(pk)
    return taken


def _nearest(crawl_id: int, hosts: Sequence[str], may: Left, most: int, *, suspect: bool) -> list[tuple[int, bool]]:
    """Return waiting URLs with a page flag, at most ``most``; reads no more than that number of rows per host."""
    waiting = """
        FROM registry_frontierurl WHERE crawl_id = %(crawl)s AND state = 'pending' AND host = leased.host
        AND (kind = 'image' OR %(pages)s > 0)
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id, kind <> 'image' FROM unnest(%(hosts)s::text[]) AS leased (host),
            LATERAL (SELECT coalesce(
                (SELECT depth {waiting} AND turn = 0 AND kind <> 'image' ORDER BY depth LIMIT 1),
                (SELECT depth {waiting} ORDER BY depth LIMIT 1)
            ) AS depth) AS nearest,
            LATERAL (
                SELECT id, kind, row_number() OVER (ORDER BY turn, id) AS place FROM (
                    SELECT id, kind, turn {waiting} AND depth = nearest.depth AND (attempts >= %(from)s) = %(suspect)s
                    ORDER BY turn, id LIMIT %(most)s
                ) AS first
            ) AS waiting ORDER BY place, id LIMIT %(most)s
            """,  # noqa: S608 - it contains no external input
            {
                "crawl": crawl_id, "hosts": list(hosts), "pages": may.pages, "from": SUSPECT_FROM, "suspect": suspect,
                "most": most,
            },
        )  # fmt: skip
        return [(pk, is_page) for pk, is_page in cursor.fetchall()]


def claim_slice(slice_id: int, stale_after: timedelta) -> int | None:
    """Claim a slice, and lock out any earlier claimant.

    Returns the epoch under which this claimant writes, starting at 1; ``None`` if the slice is not available.
    """
    with transaction.atomic():
        rows = CrawlSlice.objects.select_for_update(skip_locked=True, no_key=True)
        row = rows.filter(due(stale_after), pk=slice_id).first()
        if row is None:
            return None
        claimed = {"state": StepState.DOING, "claimed_at": now(), "claimed_by": this_process(), "contributor": None}
        write(row, **claimed, epoch=row.epoch + 1, attempts=row.attempts + 1, started_at=row.started_at or now())
        HostLease.objects.filter(slice=row).update(expires_at=now() + LEASE)
    return row.epoch


def hold_slice(slice_id: int, epoch: int) -> CrawlSlice | None:
    """Lock the slice for this transaction if the claimant's epoch is still current, else return ``None``."""
    rows = CrawlSlice.objects.select_for_update(no_key=True, of=("self",)).select_related("crawl__watch__owner")
    row = rows.filter(pk=slice_id).first()
    if row is None or row.epoch != epoch or row.state != StepState.DOING:
        return None
    CrawlSlice.objects.filter(pk=slice_id).update(claimed_at=now())
    return row


def still_holds(slice_id: int, epoch: int) -> bool:
    """Renew the claim on a slice; return False if it has been lost."""
    rows = CrawlSlice.objects.filter(pk=slice_id, epoch=epoch, state=StepState.DOING)
    return rows.update(claimed_at=now()) == 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """The reason why a host is not visited for now."""

    reason: str  # the reason of the refusal
    sentence: str
    seconds: float = 0.0  # requested pause in seconds; 0 if none was stated


def finish_slice(
    slice_id: int,
    epoch: int,
    *,
    counts: Counts,
    suspect: bool,
    opening: Opening,
    waiting: Mapping[str, Waiting] = MappingProxyType({}),
) -> bool:
    """End a slice: write its log entry, release its leases and return unfinished URLs to the frontier.

    Hosts in ``waiting`` rest or, after several rests, are given up; the counts then include their consecutive rests.

    Args:
        slice_id: The slice's primary key.
        epoch: The claimant's epoch.
        counts: Counts to store.
        suspect: True if an unfinished URL may have caused the slice to end.
        opening: Returns the data that the log entry commits to; called when no more sightings can be added.
        waiting: Hosts that were not visited for now.

    Returns:
        True if the slice was ended, False if the claim was lost.
    """
    with transaction.atomic():
        row = hold_slice(slice_id, epoch)
        if row is None:
            return False
        _give_back(row, breaks=int(suspect))
        HostLease.objects.filter(slice=row).update(slice=None, expires_at=now())
        if waiting:
            counts = {**counts, "waiting": {host: _rest(row, host, told) for host, told in waiting.items()}}
        moment, entry = now(), submit(EntryType.SLICE, opening(row), row.crawl.watch.owner)
        over = {"state": StepState.DONE, "held_since": None, "error": ""}
        write(row, finished_at=moment, counts=dict(counts), submission=entry, **over)
    return True


def _rest(row: CrawlSlice, host: str, told: Waiting) -> int:
    """Let a host with waiting URLs rest, or give the URLs up; return its number of consecutive rests."""
    visited = row.urls.filter(host=host, state=FrontierUrl.State.DONE).exists()
    before = row.crawl.slices.filter(counts__waiting__has_key=host).order_by("-number").first()
    rests = 1 if visited or before is None else int(before.counts["waiting"][host]) + 1
    if rests > MAX_RESTS or told.seconds > LONGEST_REST.total_seconds():
        _give_up(row.crawl_id, host, told)
        return rests
    rest = max(timedelta(seconds=told.seconds), FIRST_REST * 2 ** (rests - 1))
    HostLease.objects.bulk_create([HostLease(host=host, expires_at=now())], ignore_conflicts=True)
    HostLease.objects.filter(host=host, slice=None).update(expires_at=now() + rest)
    return rests


def _give_up(crawl_id: int, host: str, told: Waiting) -> None:
    """Refuse all waiting URLs of a host, with its latest reason."""
    rows = FrontierUrl.objects.filter(crawl=crawl_id, host=host, state=FrontierUrl.State.PENDING)
    refused = (
        refusal(crawl_id, url, told.reason, told.sentence, page)
        for url, page in rows.values_list("url", "page_url").iterator()
    )
    while some := list(islice(refused, _A_TIME)):
        Refusal.objects.bulk_create(some, ignore_conflicts=True)
    rows.update(state=FrontierUrl.State.REFUSED)


def _give_back(row: CrawlSlice, *, breaks: int) -> None:
    """Return unfinished URLs to the frontier; those involved in too many interruptions are refused."""
    leased = FrontierUrl.objects.filter(slice=row, state=FrontierUrl.State.LEASED)
    leased.update(attempts=F("attempts") + breaks)
    given_up = list(leased.filter(attempts__gte=MAX_ATTEMPTS))
    sentence = f"The crawler broke off {MAX_ATTEMPTS} times while it visited this address."
    rows = [
        refusal(row.crawl_id, lost.url, reason=Reason.BROKE_OFF, sentence=sentence, page_url=lost.page_url)
        for lost in given_up
    ]
    Refusal.objects.bulk_create(rows, ignore_conflicts=True)
    leased.filter(pk__in=[lost.pk for lost in given_up]).update(state=FrontierUrl.State.REFUSED)
    leased.update(state=FrontierUrl.State.PENDING, slice=None)


def refusal(crawl_id: int, url: str, reason: str, sentence: str, page_url: str = "") -> Refusal:
    """Build an unsaved row for a URL that a crawl did not fetch or keep."""
    stored_sentence = storable(sentence)
    why = {"reason": reason[:40], "sentence": sentence if sentence == stored_sentence else stored_sentence}
    return Refusal(crawl_id=crawl_id, key=url_key(url), url=storable(url), page_url=storable(page_url), at=now(), **why)


def end_crawl_if_worked_off(crawl_id: int) -> bool:
    """Mark a crawl as done if no URL waits (or the budget is spent) and no slice is open; return True if marked."""
    with transaction.atomic():
        crawl = Crawl.objects.select_for_update(no_key=True).get(pk=crawl_id)
        if crawl.state != StepState.DOING:
            return False
        if crawl.slices.exclude(state__in=[StepState.DONE, StepState.FAILED]).exists():
            return False
        may = left(crawl)
        asking = crawl.inquiries.filter(state__in=UNFINISHED)
        if not crawl.reason and not may.spent and (_waiting(crawl, may).exists() or asking.exists()):
            return False
        asking.update(state=StepState.DONE, outcome=crawl.reason or may.spent)
        count = crawl.sightings.aggregate(count=Count("picture", distinct=True))["count"]
        why = crawl.reason or _end_of(crawl, may)
        write(crawl, state=StepState.DONE, finished_at=now(), reason=why, pictures=count)
    return True


def _end_of(crawl: Crawl, may: Left) -> str:
    """Return why a crawl ends: ``finished``, or the budget limit that held URLs back."""
    if not crawl.frontier.filter(state=FrontierUrl.State.PENDING).exists():
        return "finished"
    return may.spent or ("budget-hosts" if may.pages else "budget-pages")


def stop(crawl_id: int) -> bool:
    """Request a crawl's end; open slices finish within seconds. Return True if the crawl was running."""
    return Crawl.objects.filter(pk=crawl_id, state=StepState.DOING, reason="").update(reason=STOPPED) == 1


def is_stopped(slice_id: int) -> bool:
    """Return True if a person has stopped a slice's crawl."""
    return CrawlSlice.objects.filter(pk=slice_id, crawl__reason=STOPPED).exists()


def running_crawls() -> list[int]:
    """Return the primary keys of running crawls, oldest first."""
    return list(Crawl.objects.filter(state=StepState.DOING).order_by("started_at").values_list("pk", flat=True))


def leased_urls(slice_id: int) -> list[NewUrl]:
    """Return the URLs that a slice has yet to process."""
    rows = FrontierUrl.objects.filter(slice_id=slice_id, state=FrontierUrl.State.LEASED).order_by("depth", "turn", "id")
    names = ("url", "kind", "depth", "page_url", "context", "position")
    return [NewUrl(**columns(row, *names), elsewhere=stated(row.elsewhere)) for row in rows]


def keep_position(of: CrawlSlice, key: bytes, position: str) -> None:
    """Record how far a slice, locked by this transaction, has read a folder or WARC file, for continuation."""
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, key=key)
    leased.update(position=position, attempts=0)


def mark_urls(of: CrawlSlice, keys: Iterable[bytes], state: FrontierUrl.State, *, new: bool | None = None) -> None:
    """Record that a slice, locked by this transaction, has processed URLs, by :attr:`NewUrl.key`.

    ``new`` states for pages if they showed or linked to anything new.
    """
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, key__in=list(keys))
    pages = leased.exclude(kind="image").count() if state == FrontierUrl.State.DONE else 0
    leased.update(state=state, shows_new=new)
    Crawl.objects.filter(pk=of.crawl_id).update(pages=F("pages") + pages)


def leave_waiting(of: CrawlSlice, keys: Iterable[bytes]) -> None:
    """Return URLs of a slice, locked by this transaction, to the frontier: their hosts are not visited for now."""
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, key__in=list(keys))
    leased.update(state=FrontierUrl.State.PENDING, slice=None)


def put_off(of: CrawlSlice, keys: Iterable[bytes]) -> set[bytes]:
    """Return URLs of a slice, locked by this transaction, that had no answer to the frontier for another attempt.

    URLs that have been tried often enough are refused instead. Returns the keys of those.
    """
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, key__in=list(keys))
    given_up = leased.filter(attempts__gte=MAX_ATTEMPTS - 1)
    gone = {bytes(key) for key in given_up.values_list("key", flat=True)}
    given_up.update(state=FrontierUrl.State.REFUSED, attempts=F("attempts") + 1)
    leased.update(state=FrontierUrl.State.PENDING, slice=None, attempts=F("attempts") + 1)
    return gone
