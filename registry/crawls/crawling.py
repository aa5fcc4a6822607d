"""Crawls in rows: schedule, frontier, host leases, and what slices bring home."""

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
"""A URL that was begun so often without an end is visited alone, so that it harms no other."""

MAX_COUNTED = 200_000
"""So far the URLs of a crawl are counted out while somebody looks on."""

STOPPED = "stopped"
"""Why a crawl ends that somebody has stopped."""

PAST = "past"
"""Kind of the source of a watch under which pictures seen before are asked for again (``crawls.revisits``)."""

BULK = "bulk"
"""Kind of the source of a watch whose addresses come from lists in bulk (:mod:`registry.crawls.lists`)."""

HAND = "hand"
"""Kind of the source of a watch whose addresses a person names, one at a time (:mod:`registry.crawls.looks`)."""

SEARCH = "search"
"""Kind of the source of a watch that asks an image search or a marketplace (:mod:`registry.crawls.inquiries`)."""

ARCHIVE = "archive"
"""Kind of the source of a watch that takes a domain's pictures from a web archive (:mod:`registry.crawls.captures`)."""

CAPTURE = "capture"
"""Kind of a URL that is an archive's own record of a picture."""

MAX_ATTEMPTS = 4
"""Begun so often without an end, a URL is given up."""

FIRST_REST = timedelta(minutes=1)
"""How long a host rests that didn't say how long; doubled each time that it has shown nothing since."""

LONGEST_REST = timedelta(hours=1)
"""A host that asks to be left alone for longer is left to the next crawl."""

MAX_RESTS = 3
"""So often a crawl waits for a host that shows nothing in between."""

_A_TIME = 5_000
"""Rows that are written at a time."""

Counts = Mapping[str, object]
Opening = Callable[[CrawlSlice], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class NewUrl:
    """A URL for a crawl's frontier."""

    url: str  # absolute; a path for a folder or a WARC file
    kind: str  # page, sitemap, feed, image, folder, warc or capture
    depth: int  # links followed since the source
    page_url: str = ""  # for an image of a sitemap or a feed, the page that shows it
    context: str = ""  # the words that stood beside it there
    position: str = ""  # how far a folder or a WARC file has been read; what an archive states of a capture
    pattern: str = ""  # what it shares with addresses of its kind; empty when there are none or it is visited anyway
    elsewhere: tuple[SeenElsewhere, ...] = ()  # what was stated there of when the image was seen or published
    first: bool = False  # a page that goes before all others of its host, however deep it lies

    @property
    def key(self) -> bytes:
        """What makes it one and the same in a frontier, 16 bytes; of captures, the bytes that an archive states."""
        if stated := Stated.read(self.position):
            return url_key(f"sha1:{stated.digest}")
        return url_key(f"{self.url} {self.page_url}") if self.page_url else url_key(self.url)


def denied(host: str) -> bool:
    """Whether a host isn't visited, by its own name or by one above it."""
    return HostDenial.objects.filter(host__in=names_of(host)).exists()


def denials() -> Callable[[str], bool]:
    """What says of each host whether it isn't visited, by the list of now; needs no database."""
    names = frozenset(HostDenial.objects.values_list("host", flat=True))
    return lambda host: not names.isdisjoint(names_of(host))


_COLUMNS = (
    "crawl_id", "key", "url", "host", "kind", "depth", "page_url", "context", "position", "state", "attempts",
    "pattern", "turn", "elsewhere",
)  # fmt: skip


def add_urls(crawl_id: int, urls: Iterable[NewUrl]) -> int:
    """Add URLs to the frontier; those it knows stay as they are. Returns how many are new. Inside a transaction.

    What names a host longer than any name may be (RFC 1035, 2.3.4) is left out: nobody could visit it.
    """
    return len(add_keyed(crawl_id, {new.key: new for new in urls}))


def add_keyed(crawl_id: int, urls: Mapping[bytes, NewUrl]) -> list[bytes]:
    """As :func:`add_urls`, of URLs by their keys; returns the keys that are new and wait."""
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
    """How many URLs of a crawl were visited, and how many wait; counted to :data:`MAX_COUNTED`, by their indexes."""
    of, state = FrontierUrl.objects.filter(crawl=crawl_id), FrontierUrl.State
    visited = of.filter(state__in=[state.DONE, state.REFUSED])[:MAX_COUNTED].count()
    leased = of.filter(state=state.LEASED, slice__isnull=False).count()
    return visited, min(MAX_COUNTED, of.filter(state=state.PENDING)[:MAX_COUNTED].count() + leased)


def plan_slice(crawl_id: int, *, most_urls: int, most_hosts: int) -> CrawlSlice | None:
    """Lease free hosts with waiting URLs to a new slice.

    ``None`` when no host is free, nothing waits or the budget is spent. What a contributor had comes by itself.
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
    """The URLs that may still be visited: without pages left, single images only; without hosts left, no new host."""
    waiting = crawl.frontier.filter(state=FrontierUrl.State.PENDING)
    if not may.pages:
        return waiting.filter(kind="image")
    if not may.hosts:
        known = crawl.frontier.exclude(kind="image").exclude(state=FrontierUrl.State.PENDING).values("host")
        return waiting.filter(Q(kind="image") | Q(host__in=known))
    return waiting


def _lease_hosts(crawl: Crawl, may: Left, most: int) -> list[str]:
    """Hosts with waiting URLs that no open slice holds, now locked by this transaction."""
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
    """Leases of hosts that rest: nobody's, and not over yet."""
    return Q(slice=None, expires_at__gt=now())


def resting(crawl: Crawl) -> dict[str, datetime]:
    """Hosts that a crawl waits for, and until when: they asked for it, or their robots.txt can't be had."""
    if crawl.state != StepState.DOING:
        return {}
    waiting = crawl.frontier.filter(state=FrontierUrl.State.PENDING, host=OuterRef("host"))
    rows = HostLease.objects.filter(_is_resting(), Exists(waiting)).order_by("host")
    return dict(rows.values_list("host", "expires_at"))


def scripts_not_run(crawls: Sequence[Crawl]) -> dict[int, int | None]:
    """How many pages of crawls have scripts that no browser ran, by the crawl's key.

    ``None`` where slices have visited pages without counting them.
    """
    told = KeyTextTransform("scripts_not_run", "counts")
    slices = CrawlSlice.objects.filter(crawl__in=crawls).order_by().values("crawl")
    sums = slices.annotate(
        count=Sum(Cast(told, IntegerField()), default=0),
        uncounted=Count("pk", filter=Q(counts__pages__gt=0) & ~Q(counts__has_key="scripts_not_run")),
    )
    found = {
        pk: None if uncounted else count for pk, count, uncounted in sums.values_list("crawl", "count", "uncounted")
    }
    return {crawl.pk: found.get(crawl.pk, 0) for crawl in crawls}


def lacked_browser(crawl: Crawl) -> bool:
    """Whether pages of a crawl weren't rendered because there was no browser."""
    return crawl.slices.filter(counts__unrendered__has_key="no-browser").exists()


def is_whole(crawl: Crawl, *, depth: int) -> bool:
    """Whether a crawl that refused nothing has fetched all that its pages name and show, as far as is known.

    Nothing waits or was left for a later run, no page has scripts that weren't run, and none lies so deep that its
    links weren't followed.
    """
    if crawl.not_asked:
        return False
    deepest = crawl.frontier.filter(state=FrontierUrl.State.DONE, depth__gte=depth).exclude(kind="image")
    was_read = scripts_not_run([crawl])[crawl.pk] == 0 and not left_out(crawl)
    return crawl.reason == "finished" and was_read and not deepest.exists()


def left_out(crawl: Crawl) -> dict[str, int]:
    """Count what the crawler's limits left out of a crawl's pages and lists, by ``crawler.reading.limits.LeftOut``."""
    counted = Counter[str]()
    for counts in crawl.slices.filter(counts__has_key="left_out").values_list("counts", flat=True):
        counted.update(counts["left_out"])
    return dict(sorted(counted.items()))


def _waiting_hosts(crawl_id: int, most: int) -> list[str]:
    """The first hosts with waiting URLs by name, each found from the one before: a host may have millions of rows.

    https://wiki.postgresql.org/wiki/Loose_indexscan.
    """
    first = "SELECT host FROM registry_frontierurl WHERE crawl_id = %(crawl)s AND state = 'pending'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE waiting AS (
                ({first} ORDER BY host LIMIT 1) UNION ALL
                SELECT ({first} AND host > waiting.host ORDER BY host LIMIT 1) FROM waiting WHERE host IS NOT NULL
            ) SELECT host FROM waiting WHERE host IS NOT NULL LIMIT %(most)s
            """,  # noqa: S608 - nothing of a stranger's is in it
            {"crawl": crawl_id, "most": most},
        )
        return [host for (host,) in cursor.fetchall()]


def _waiting_urls(crawl_id: int, hosts: Sequence[str], may: Left, most: int) -> list[int]:
    """The oldest waiting URLs of the hosts, in turn host by host; or one that is suspect, when no other waits.

    Of each host only what is nearest to the source, else how deep a page lies would depend on who was first; of that
    the pictures first, then the first pages of each pattern of addresses. Pages that go before all others are the
    nearest, so that no new sitemap keeps a run from its finds.
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
    """So many waiting URLs of the hosts at most, and whether each is a page; reads no more rows of a host than that."""
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
            """,  # noqa: S608 - nothing of a stranger's is in it
            {
                "crawl": crawl_id, "hosts": list(hosts), "pages": may.pages, "from": SUSPECT_FROM, "suspect": suspect,
                "most": most,
            },
        )  # fmt: skip
        return [(pk, is_page) for pk, is_page in cursor.fetchall()]


def claim_slice(slice_id: int, stale_after: timedelta) -> int | None:
    """Claim a slice and fence an earlier claimer off.

    Returns the epoch that this claimer writes under, 1 for the first; ``None`` when the slice isn't to be had.
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
    """Lock the slice for this transaction if the epoch is still the claimer's, else ``None``."""
    rows = CrawlSlice.objects.select_for_update(no_key=True, of=("self",)).select_related("crawl__watch__owner")
    row = rows.filter(pk=slice_id).first()
    if row is None or row.epoch != epoch or row.state != StepState.DOING:
        return None
    CrawlSlice.objects.filter(pk=slice_id).update(claimed_at=now())
    return row


def still_holds(slice_id: int, epoch: int) -> bool:
    """Say that the claimer is alive; returns whether the slice is still its own."""
    rows = CrawlSlice.objects.filter(pk=slice_id, epoch=epoch, state=StepState.DOING)
    return rows.update(claimed_at=now()) == 1


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a host wasn't visited for now."""

    reason: str  # as of a refusal
    sentence: str
    seconds: float = 0.0  # that it asks to be left alone; 0 when it doesn't say


def finish_slice(
    slice_id: int,
    epoch: int,
    *,
    counts: Counts,
    suspect: bool,
    opening: Opening,
    waiting: Mapping[str, Waiting] = MappingProxyType({}),
) -> bool:
    """End a slice: one log entry, its leases free, its unfinished URLs back in the frontier. Says whether it did.

    ``counts`` is kept as it is; ``suspect`` says that an unfinished URL may be why the slice ended; ``opening``, what
    the log entry commits to, is asked for when no more sightings can come. Hosts that are ``waiting`` rest, or are
    given up; the counts say then how often in a row.
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
    """Let a host rest whose URLs wait again, or give them up; returns how often in a row it has rested by then."""
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
    """Refuse all that waits at a host, for the reason that it told last."""
    rows = FrontierUrl.objects.filter(crawl=crawl_id, host=host, state=FrontierUrl.State.PENDING)
    refused = (
        refusal(crawl_id, url, told.reason, told.sentence, page)
        for url, page in rows.values_list("url", "page_url").iterator()
    )
    while some := list(islice(refused, _A_TIME)):
        Refusal.objects.bulk_create(some, ignore_conflicts=True)
    rows.update(state=FrontierUrl.State.REFUSED)


def _give_back(row: CrawlSlice, *, breaks: int) -> None:
    """Let a later slice visit what is unfinished; what was there at every break is given up, and that is recorded."""
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
    """A row of a URL that a crawl didn't fetch or keep, which isn't kept yet."""
    kept = storable(sentence)
    why = {"reason": reason[:40], "sentence": sentence if sentence == kept else kept}
    return Refusal(crawl_id=crawl_id, key=url_key(url), url=storable(url), page_url=storable(page_url), at=now(), **why)


def end_crawl_if_worked_off(crawl_id: int) -> bool:
    """Mark a crawl as done when no URL waits (or its budget is spent) and no slice is under way."""
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
    """Why a crawl ends: ``finished``, or what of its budget held something back."""
    if not crawl.frontier.filter(state=FrontierUrl.State.PENDING).exists():
        return "finished"
    return may.spent or ("budget-hosts" if may.pages else "budget-pages")


def stop(crawl_id: int) -> bool:
    """Let a crawl end with what it has; slices that are under way end within some seconds. Says whether it goes on."""
    return Crawl.objects.filter(pk=crawl_id, state=StepState.DOING, reason="").update(reason=STOPPED) == 1


def is_stopped(slice_id: int) -> bool:
    """Whether somebody has stopped the crawl of a slice."""
    return CrawlSlice.objects.filter(pk=slice_id, crawl__reason=STOPPED).exists()


def running_crawls() -> list[int]:
    """Crawls that are under way, oldest first."""
    return list(Crawl.objects.filter(state=StepState.DOING).order_by("started_at").values_list("pk", flat=True))


def leased_urls(slice_id: int) -> list[NewUrl]:
    """The URLs that a slice still has to work off."""
    rows = FrontierUrl.objects.filter(slice_id=slice_id, state=FrontierUrl.State.LEASED).order_by("depth", "turn", "id")
    names = ("url", "kind", "depth", "page_url", "context", "position")
    return [NewUrl(**columns(row, *names), elsewhere=stated(row.elsewhere)) for row in rows]


def keep_position(of: CrawlSlice, key: bytes, position: str) -> None:
    """Record how far a slice, held by this transaction, has read a folder or a WARC file: a later one goes on there."""
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, key=key)
    leased.update(position=position, attempts=0)


def mark_urls(of: CrawlSlice, keys: Iterable[bytes], state: FrontierUrl.State, *, new: bool | None = None) -> None:
    """Record that a slice, held by this transaction, has worked off URLs, by :attr:`NewUrl.key`.

    ``new`` says of pages whether they showed or led to anything new.
    """
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, key__in=list(keys))
    pages = leased.exclude(kind="image").count() if state == FrontierUrl.State.DONE else 0
    leased.update(state=state, shows_new=new)
    Crawl.objects.filter(pk=of.crawl_id).update(pages=F("pages") + pages)


def leave_waiting(of: CrawlSlice, keys: Iterable[bytes]) -> None:
    """Give URLs of a slice, held by this transaction, back to the frontier: their hosts weren't visited for now."""
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, key__in=list(keys))
    leased.update(state=FrontierUrl.State.PENDING, slice=None)


def put_off(of: CrawlSlice, keys: Iterable[bytes]) -> set[bytes]:
    """Record that URLs of a slice, held by this transaction, had no answer yet: a later slice tries again.

    Returns the keys of those that have been tried often enough, and count as refused now.
    """
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, key__in=list(keys))
    given_up = leased.filter(attempts__gte=MAX_ATTEMPTS - 1)
    gone = {bytes(key) for key in given_up.values_list("key", flat=True)}
    given_up.update(state=FrontierUrl.State.REFUSED, attempts=F("attempts") + 1)
    leased.update(state=FrontierUrl.State.PENDING, slice=None, attempts=F("attempts") + 1)
    return gone
