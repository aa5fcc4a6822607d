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

from crawler.archives.cdx import CaptureStatement
from exhibit.clock import now
from exhibit.entries import EntryType
from exhibit.machine import get_process_identifier
from exhibit.network.addresses import compute_url_key, get_url_host, list_parent_names
from exhibit.reasons import Reason
from exhibit.types import SourceStatement
from registry.crawls import url_patterns
from registry.crawls.budgets import RemainingBudget, get_remaining_budget
from registry.crawls.external_statements import statements_from_json, statements_to_json
from registry.crawls.models import Crawl, CrawlSlice, FrontierUrl, HostDenial, HostLease, Refusal
from registry.db.bulk import copy_values, to_storable
from registry.db.claimable import UNFINISHED, StepState
from registry.db.rows import copy_columns, get_next_number, update_row
from registry.db.steps import build_due_condition
from registry.log.log import submit_entry

LEASE_TIME = timedelta(minutes=30)
MAX_HOST_LENGTH = 253
MIN_SUSPECT_ATTEMPTS = 2
"""Number of interrupted attempts after which a URL is visited alone, so that it cannot affect others."""

MAX_COUNTED = 200_000
"""Maximum number of a crawl's URLs that are counted for a page view."""

STOPPED = "stopped"
"""End reason of a crawl that a user stopped."""

PAST = "past"
"""Kind of a watch's source for requesting previously seen pictures again (``crawls.revisits``)."""

BULK = "bulk"
"""Kind of a watch's source for URLs from bulk lists (:mod:`registry.crawls.url_lists`)."""

MANUAL = "hand"
"""Kind of a watch's source for URLs that a user enters one at a time (:mod:`registry.crawls.manual_visits`)."""

SEARCH = "search"
"""Kind of a watch's source for an image search or a marketplace (:mod:`registry.crawls.inquiries`)."""

ARCHIVE = "archive"
"""Kind of a watch's source for a domain's pictures from a web archive (:mod:`registry.crawls.archive_captures`)."""

CAPTURE = "capture"
"""Kind of a URL that is an archive's own record of a picture."""

MAX_ATTEMPTS = 4
"""Number of interrupted attempts after which a URL is refused."""

MIN_PAUSE = timedelta(minutes=1)
"""Pause for a host that requests no particular pause; doubled for each consecutive pause without a successful visit."""

MAX_PAUSE = timedelta(hours=1)
"""A host that requests a longer pause is left to the next crawl."""

MAX_PAUSES = 3
"""Maximum number of consecutive pauses for a host without a successful visit."""

WRITE_BATCH_SIZE = 5_000
"""Number of rows written at a time."""

Counts = Mapping[str, object]
LogDataFunction = Callable[[CrawlSlice], Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class NewUrl:
    """A URL for a crawl's frontier."""

    url: str  # absolute; a path for a folder or a WARC file
    kind: str  # page, sitemap, feed, image, folder, warc or capture
    depth: int  # number of links followed from the source
    page_url: str = ""  # for an image from a sitemap or feed, the page that shows it
    context: str = ""  # text next to the image on that page
    position: str = ""  # read position in a folder or WARC file, or an archive's statement about a capture
    pattern: str = ""  # shared by similar URLs; empty if there are none or the URL is always visited
    elsewhere: tuple[SourceStatement, ...] = ()  # external statements about when the image was seen or published
    is_first: bool = False  # visited before all other pages of its host, at any depth

    @property
    def key(self) -> bytes:
        """The URL's identity in a frontier, 16 bytes; for captures, derived from the archive's content hash."""
        if statement := CaptureStatement.from_text(self.position):
            return compute_url_key(f"sha1:{statement.digest}")
        return compute_url_key(f"{self.url} {self.page_url}") if self.page_url else compute_url_key(self.url)


def is_denied(host: str) -> bool:
    """Return True if a host, or a domain above it, is on the operator's deny list."""
    return HostDenial.objects.filter(host__in=list_parent_names(host)).exists()


def load_denials() -> Callable[[str], bool]:
    """Return a predicate for denied hosts, based on the current deny list; it needs no database access."""
    names = frozenset(HostDenial.objects.values_list("host", flat=True))
    return lambda host: not names.isdisjoint(list_parent_names(host))


_COLUMNS = (
    "crawl_id", "key", "url", "host", "kind", "depth", "page_url", "context", "position", "state", "attempts",
    "pattern", "turn", "elsewhere",
)  # fmt: skip


def add_urls(crawl_id: int, urls: Iterable[NewUrl]) -> int:
    """Add URLs to the frontier and return the number of new ones; known URLs stay unchanged. Call it in a transaction.

    URLs whose host exceeds the maximum length of a name (RFC 1035, 2.3.4) are skipped, because they cannot be visited.
    """
    return len(add_urls_by_key(crawl_id, {url.key: url for url in urls}))


def add_urls_by_key(crawl_id: int, urls: Mapping[bytes, NewUrl]) -> list[bytes]:
    """Add URLs by key, as :func:`add_urls` does; return the keys that are new and pending."""
    positions = url_patterns.assign_positions(
        crawl_id, {key: (new_url.pattern, new_url.kind) for key, new_url in urls.items()}
    )
    if not positions:
        return []
    rows = (
        (
            crawl_id, key, to_storable(new_url.url), host, new_url.kind, new_url.depth, to_storable(new_url.page_url),
            to_storable(new_url.context),
            new_url.position, position.state.value, 0, position.pattern, 0 if new_url.is_first else position.turn,
            json.dumps(statements_to_json(new_url.elsewhere)),
        )
        for key, position in positions.items()
        if len(host := get_url_host((new_url := urls[key]).url)) <= MAX_HOST_LENGTH
    )  # fmt: skip
    added_keys = cast("list[bytes]", copy_values(FrontierUrl, _COLUMNS, rows, conflict=("crawl_id", "key")))
    return [key for key in added_keys if positions[key].state == FrontierUrl.State.PENDING]


def count_urls(crawl_id: int) -> tuple[int, int]:
    """Return the numbers of a crawl's visited and pending URLs, each capped at :data:`MAX_COUNTED`."""
    urls, state = FrontierUrl.objects.filter(crawl=crawl_id), FrontierUrl.State
    visited_count = urls.filter(state__in=[state.DONE, state.REFUSED])[:MAX_COUNTED].count()
    leased_count = urls.filter(state=state.LEASED, slice__isnull=False).count()
    return visited_count, min(MAX_COUNTED, urls.filter(state=state.PENDING)[:MAX_COUNTED].count() + leased_count)


def plan_slice(crawl_id: int, *, max_urls: int, max_hosts: int) -> CrawlSlice | None:
    """Lease free hosts with pending URLs to a new slice.

    Returns ``None`` if no host is free, no URL is pending, or the budget is spent. URLs with a contributor's
    result are not mixed with others.
    """
    with transaction.atomic():
        crawl = Crawl.objects.select_for_update(no_key=True).get(pk=crawl_id)
        remaining = get_remaining_budget(crawl)
        if crawl.state != StepState.RUNNING or crawl.reason or remaining.end_reason:
            return None
        hosts = _lease_hosts(crawl, remaining, max_hosts)
        urls = _select_urls(crawl_id, hosts, remaining, max_urls)
        urls = (
            list(FrontierUrl.objects.filter(pk__in=urls, edge_result__isnull=False).values_list("pk", flat=True))
            or urls
        )
        if not urls:
            HostLease.objects.filter(host__in=hosts, slice=None).delete()
            return None
        number = get_next_number(crawl.slices)
        slice_row = CrawlSlice.objects.create(crawl=crawl, number=number)
        FrontierUrl.objects.filter(pk__in=urls).update(state=FrontierUrl.State.LEASED, slice=slice_row)
        HostLease.objects.filter(host__in=hosts).update(
            slice=slice_row, epoch=F("epoch") + 1, expires_at=now() + LEASE_TIME
        )
    return slice_row


def _list_visitable_urls(crawl: Crawl, remaining: RemainingBudget) -> QuerySet[FrontierUrl]:
    """Return the URLs that the budget still allows.

    Only images are returned if the page budget is spent, and no new hosts if the host budget is spent.
    """
    pending_urls = crawl.frontier.filter(state=FrontierUrl.State.PENDING)
    if not remaining.pages:
        return pending_urls.filter(kind="image")
    if not remaining.hosts:
        known_hosts = crawl.frontier.exclude(kind="image").exclude(state=FrontierUrl.State.PENDING).values("host")
        return pending_urls.filter(Q(kind="image") | Q(host__in=known_hosts))
    return pending_urls


def _lease_hosts(crawl: Crawl, remaining: RemainingBudget, limit: int) -> list[str]:
    """Return hosts with pending URLs that no open slice has leased, locked by this transaction."""
    if remaining.pages and remaining.hosts:
        hosts = _list_pending_hosts(crawl.pk, limit * 4)
    else:
        hosts = list(
            _list_visitable_urls(crawl, remaining)
            .values_list("host", flat=True)
            .distinct()
            .order_by("host")[: limit * 4]
        )
    HostLease.objects.bulk_create([HostLease(host=host, expires_at=now()) for host in hosts], ignore_conflicts=True)
    ended_slices = CrawlSlice.objects.filter(state__in=[StepState.DONE, StepState.FAILED])
    free_leases = HostLease.objects.select_for_update(skip_locked=True, no_key=True, of=("self",)).filter(
        (Q(slice=None) & ~_build_paused_condition()) | Q(slice__in=ended_slices), host__in=hosts
    )
    return [lease.host for lease in free_leases.order_by("host")[: min(limit, remaining.hosts or limit)]]


def _build_paused_condition() -> Q:
    """Return the query condition for leases of paused hosts, which have no slice and have not expired."""
    return Q(slice=None, expires_at__gt=now())


def list_paused_hosts(crawl: Crawl) -> dict[str, datetime]:
    """Return the hosts that a crawl is pausing for, with the time when each pause ends.

    The host requested the pause, or its robots.txt is unavailable.
    """
    if crawl.state != StepState.RUNNING:
        return {}
    pending_urls = crawl.frontier.filter(state=FrontierUrl.State.PENDING, host=OuterRef("host"))
    rows = HostLease.objects.filter(_build_paused_condition(), Exists(pending_urls)).order_by("host")
    return dict(rows.values_list("host", "expires_at"))


def count_unrun_scripts(crawls: Sequence[Crawl]) -> dict[int, int | None]:
    """Count pages whose scripts were not run in a browser, by the crawl's primary key.

    The count is ``None`` if some slices did not count such pages.
    """
    stored_count = KeyTextTransform("scripts_not_run", "counts")
    slices = CrawlSlice.objects.filter(crawl__in=crawls).order_by().values("crawl")
    sums = slices.annotate(
        count=Sum(Cast(stored_count, IntegerField()), default=0),
        uncounted=Count("pk", filter=Q(counts__pages__gt=0) & ~Q(counts__has_key="scripts_not_run")),
    )
    totals = {
        pk: None if has_uncounted else count
        for pk, count, has_uncounted in sums.values_list("crawl", "count", "uncounted")
    }
    return {crawl.pk: totals.get(crawl.pk, 0) for crawl in crawls}


def was_browser_missing(crawl: Crawl) -> bool:
    """Return True if pages of a crawl were not rendered because no browser was available."""
    return crawl.slices.filter(counts__unrendered__has_key="no-browser").exists()


def is_complete(crawl: Crawl, *, depth: int) -> bool:
    """Return True if a crawl without refusals has fetched all known links and pictures of its pages.

    This requires that no URL is pending or left for a later run, that all scripts were run, and that no page was too
    deep for its links to be followed.
    """
    if crawl.skipped_pages:
        return False
    deepest_pages = crawl.frontier.filter(state=FrontierUrl.State.DONE, depth__gte=depth).exclude(kind="image")
    has_read_all = count_unrun_scripts([crawl])[crawl.pk] == 0 and not count_omissions(crawl)
    return crawl.reason == "finished" and has_read_all and not deepest_pages.exists()


def count_omissions(crawl: Crawl) -> dict[str, int]:
    """Count items on pages and lists that the crawler's limits omitted, by ``crawler.reading.limits.OmittedItem``."""
    omissions = Counter[str]()
    for counts in crawl.slices.filter(counts__has_key="left_out").values_list("counts", flat=True):
        omissions.update(counts["left_out"])
    return dict(sorted(omissions.items()))


def _list_pending_hosts(crawl_id: int, limit: int) -> list[str]:
    """Return the first hosts with pending URLs, by name, using a loose index scan: a host may have millions of rows.

    See https://wiki.postgresql.org/wiki/Loose_indexscan.
    """
    first_host_sql = "SELECT host FROM registry_frontierurl WHERE crawl_id = %(crawl)s AND state = 'pending'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE waiting AS (
                ({first_host_sql} ORDER BY host LIMIT 1) UNION ALL
                SELECT ({first_host_sql} AND host > waiting.host ORDER BY host LIMIT 1) FROM waiting
                WHERE host IS NOT NULL
            ) SELECT host FROM waiting WHERE host IS NOT NULL LIMIT %(most)s
            """,  # noqa: S608 - it contains no external input
            {"crawl": crawl_id, "most": limit},
        )
        return [host for (host,) in cursor.fetchall()]


def _select_urls(crawl_id: int, hosts: Sequence[str], remaining: RemainingBudget, limit: int) -> list[int]:
    """Return the oldest pending URLs, alternating between hosts, or a single suspect URL if no others are pending.

    Only a host's URLs nearest to the source are returned, because otherwise the depth of a page would depend on timing.
    Among those, pictures come first, then the first pages of each URL pattern. Pages flagged as first count as the
    nearest, so that a new sitemap cannot delay pages with matches.
    """
    rows = _list_nearest_urls(crawl_id, hosts, remaining, limit, suspect=False)
    if not rows:
        return [pk for pk, _is_page in _list_nearest_urls(crawl_id, hosts, remaining, 1, suspect=True)]
    selected_keys, pages = [], 0
    for pk, is_page in rows:
        pages += is_page
        if not (is_page and pages > remaining.pages):
            selected_keys.append(pk)
    return selected_keys


def _list_nearest_urls(
    crawl_id: int, hosts: Sequence[str], remaining: RemainingBudget, limit: int, *, suspect: bool
) -> list[tuple[int, bool]]:
    """Return up to ``limit`` pending URLs with a page flag, reading at most ``limit`` rows per host."""
    pending_sql = """
        FROM registry_frontierurl WHERE crawl_id = %(crawl)s AND state = 'pending' AND host = leased.host
        AND (kind = 'image' OR %(pages)s > 0)
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT id, kind <> 'image' FROM unnest(%(hosts)s::text[]) AS leased (host),
            LATERAL (SELECT coalesce(
                (SELECT depth {pending_sql} AND turn = 0 AND kind <> 'image' ORDER BY depth LIMIT 1),
                (SELECT depth {pending_sql} ORDER BY depth LIMIT 1)
            ) AS depth) AS nearest,
            LATERAL (
                SELECT id, kind, row_number() OVER (ORDER BY turn, id) AS place FROM (
                    SELECT id, kind, turn {pending_sql} AND depth = nearest.depth AND (attempts >= %(from)s) =
                    %(suspect)s ORDER BY turn, id LIMIT %(most)s
                ) AS first
            ) AS waiting ORDER BY place, id LIMIT %(most)s
            """,  # noqa: S608 - it contains no external input
            {
                "crawl": crawl_id, "hosts": list(hosts), "pages": remaining.pages,
                "from": MIN_SUSPECT_ATTEMPTS, "suspect": suspect,
                "most": limit,
            },
        )  # fmt: skip
        return [(pk, is_page) for pk, is_page in cursor.fetchall()]


def claim_slice(slice_id: int, stale_after: timedelta) -> int | None:
    """Claim a slice and invalidate any earlier claim.

    Returns the epoch of this claim, starting at 1, or ``None`` if the slice is not available.
    """
    with transaction.atomic():
        rows = CrawlSlice.objects.select_for_update(skip_locked=True, no_key=True)
        row = rows.filter(build_due_condition(stale_after), pk=slice_id).first()
        if row is None:
            return None
        claim_columns = {
            "state": StepState.RUNNING,
            "claimed_at": now(),
            "claimed_by": get_process_identifier(),
            "contributor": None,
        }
        update_row(
            row, **claim_columns, epoch=row.epoch + 1, attempts=row.attempts + 1, started_at=row.started_at or now()
        )
        HostLease.objects.filter(slice=row).update(expires_at=now() + LEASE_TIME)
    return row.epoch


def lock_slice(slice_id: int, epoch: int) -> CrawlSlice | None:
    """Lock the slice for this transaction and renew its claim; return ``None`` if the epoch is no longer current."""
    rows = CrawlSlice.objects.select_for_update(no_key=True, of=("self",)).select_related("crawl__watch__owner")
    row = rows.filter(pk=slice_id).first()
    if row is None or row.epoch != epoch or row.state != StepState.RUNNING:
        return None
    CrawlSlice.objects.filter(pk=slice_id).update(claimed_at=now())
    return row


def renew_claim(slice_id: int, epoch: int) -> bool:
    """Renew the claim on a slice; return False if it has been lost."""
    rows = CrawlSlice.objects.filter(pk=slice_id, epoch=epoch, state=StepState.RUNNING)
    return rows.update(claimed_at=now()) == 1


@dataclass(frozen=True, slots=True)
class HostPause:
    """A pause in visiting a host, with the reason."""

    reason: str  # the reason of the refusal
    sentence: str
    seconds: float = 0.0  # requested pause in seconds; 0 if none was stated


def finish_slice(
    slice_id: int,
    epoch: int,
    *,
    counts: Counts,
    suspect: bool,
    build_log_data: LogDataFunction,
    paused_hosts: Mapping[str, HostPause] = MappingProxyType({}),
) -> bool:
    """End a slice: write its log entry, release its leases and return unfinished URLs to the frontier.

    Hosts in ``paused_hosts`` are not visited for some time. After several consecutive pauses, their URLs are refused.
    The stored counts include the number of consecutive pauses of each host.

    Args:
        slice_id: The slice's primary key.
        epoch: The claimant's epoch.
        counts: Counts to store.
        suspect: True if an unfinished URL may have caused the slice to end.
        build_log_data: Returns the data that the log entry commits to; called when no more sightings can be added.
        paused_hosts: Hosts to pause, with the reason.

    Returns:
        True if the slice has been ended, False if the claim was lost.
    """
    with transaction.atomic():
        row = lock_slice(slice_id, epoch)
        if row is None:
            return False
        _return_urls(row, interruptions=int(suspect))
        HostLease.objects.filter(slice=row).update(slice=None, expires_at=now())
        if paused_hosts:
            counts = {
                **counts,
                "waiting": {host: _pause_host(row, host, pause) for host, pause in paused_hosts.items()},
            }
        current_time, entry = now(), submit_entry(EntryType.SLICE, build_log_data(row), row.crawl.watch.owner)
        final_state = {"state": StepState.DONE, "held_since": None, "error": ""}
        update_row(row, finished_at=current_time, counts=dict(counts), submission=entry, **final_state)
    return True


def _pause_host(row: CrawlSlice, host: str, pause: HostPause) -> int:
    """Pause a host with pending URLs, or refuse its URLs; return the number of consecutive pauses."""
    was_visited = row.urls.filter(host=host, state=FrontierUrl.State.DONE).exists()
    previous_slice = row.crawl.slices.filter(counts__waiting__has_key=host).order_by("-number").first()
    pause_count = 1 if was_visited or previous_slice is None else int(previous_slice.counts["waiting"][host]) + 1
    if pause_count > MAX_PAUSES or pause.seconds > MAX_PAUSE.total_seconds():
        _refuse_host(row.crawl_id, host, pause)
        return pause_count
    duration = max(timedelta(seconds=pause.seconds), MIN_PAUSE * 2 ** (pause_count - 1))
    HostLease.objects.bulk_create([HostLease(host=host, expires_at=now())], ignore_conflicts=True)
    HostLease.objects.filter(host=host, slice=None).update(expires_at=now() + duration)
    return pause_count


def _refuse_host(crawl_id: int, host: str, pause: HostPause) -> None:
    """Refuse all pending URLs of a host with the reason of its latest pause."""
    rows = FrontierUrl.objects.filter(crawl=crawl_id, host=host, state=FrontierUrl.State.PENDING)
    refusals = (
        make_refusal(crawl_id, url, pause.reason, pause.sentence, page)
        for url, page in rows.values_list("url", "page_url").iterator()
    )
    while batch := list(islice(refusals, WRITE_BATCH_SIZE)):
        Refusal.objects.bulk_create(batch, ignore_conflicts=True)
    rows.update(state=FrontierUrl.State.REFUSED)


def _return_urls(row: CrawlSlice, *, interruptions: int) -> None:
    """Return unfinished URLs to the frontier, but refuse those involved in too many interruptions."""
    leased_urls = FrontierUrl.objects.filter(slice=row, state=FrontierUrl.State.LEASED)
    leased_urls.update(attempts=F("attempts") + interruptions)
    failed_urls = list(leased_urls.filter(attempts__gte=MAX_ATTEMPTS))
    message = f"The crawler failed {MAX_ATTEMPTS} times while it visited this URL."
    rows = [
        make_refusal(row.crawl_id, url_row.url, reason=Reason.BROKE_OFF, sentence=message, page_url=url_row.page_url)
        for url_row in failed_urls
    ]
    Refusal.objects.bulk_create(rows, ignore_conflicts=True)
    leased_urls.filter(pk__in=[url_row.pk for url_row in failed_urls]).update(state=FrontierUrl.State.REFUSED)
    leased_urls.update(state=FrontierUrl.State.PENDING, slice=None)


def make_refusal(crawl_id: int, url: str, reason: str, sentence: str, page_url: str = "") -> Refusal:
    """Build an unsaved row for a URL that a crawl did not fetch or keep."""
    stored_sentence = to_storable(sentence)
    values = {"reason": reason[:40], "sentence": sentence if sentence == stored_sentence else stored_sentence}
    return Refusal(
        crawl_id=crawl_id,
        key=compute_url_key(url),
        url=to_storable(url),
        page_url=to_storable(page_url),
        at=now(),
        **values,
    )


def end_crawl_if_finished(crawl_id: int) -> bool:
    """Mark a crawl as done if no slice is open and no URL is pending or the budget is spent; return True if marked."""
    with transaction.atomic():
        crawl = Crawl.objects.select_for_update(no_key=True).get(pk=crawl_id)
        if crawl.state != StepState.RUNNING:
            return False
        if crawl.slices.exclude(state__in=[StepState.DONE, StepState.FAILED]).exists():
            return False
        remaining = get_remaining_budget(crawl)
        open_inquiries = crawl.inquiries.filter(state__in=UNFINISHED)
        if (
            not crawl.reason
            and not remaining.end_reason
            and (_list_visitable_urls(crawl, remaining).exists() or open_inquiries.exists())
        ):
            return False
        open_inquiries.update(state=StepState.DONE, outcome=crawl.reason or remaining.end_reason)
        count = crawl.sightings.aggregate(count=Count("picture", distinct=True))["count"]
        reason = crawl.reason or _get_end_reason(crawl, remaining)
        update_row(crawl, state=StepState.DONE, finished_at=now(), reason=reason, pictures=count)
    return True


def _get_end_reason(crawl: Crawl, remaining: RemainingBudget) -> str:
    """Return the reason why a crawl ends: ``finished``, or the budget limit that was reached."""
    if not crawl.frontier.filter(state=FrontierUrl.State.PENDING).exists():
        return "finished"
    return remaining.end_reason or ("budget-hosts" if remaining.pages else "budget-pages")


def stop_crawl(crawl_id: int) -> bool:
    """Request the end of a crawl; open slices finish within seconds. Return True if the crawl was running."""
    return Crawl.objects.filter(pk=crawl_id, state=StepState.RUNNING, reason="").update(reason=STOPPED) == 1


def is_stopped(slice_id: int) -> bool:
    """Return True if a user has stopped a slice's crawl."""
    return CrawlSlice.objects.filter(pk=slice_id, crawl__reason=STOPPED).exists()


def list_running_crawls() -> list[int]:
    """Return the primary keys of running crawls, oldest first."""
    return list(Crawl.objects.filter(state=StepState.RUNNING).order_by("started_at").values_list("pk", flat=True))


def list_leased_urls(slice_id: int) -> list[NewUrl]:
    """Return the URLs that a slice has yet to process."""
    rows = FrontierUrl.objects.filter(slice_id=slice_id, state=FrontierUrl.State.LEASED).order_by("depth", "turn", "id")
    names = ("url", "kind", "depth", "page_url", "context", "position")
    return [NewUrl(**copy_columns(row, *names), elsewhere=statements_from_json(row.elsewhere)) for row in rows]


def store_position(slice_row: CrawlSlice, key: bytes, position: str) -> None:
    """Record a slice's read position in a folder or WARC file, so that reading can be resumed there.

    The slice must be locked by this transaction.
    """
    leased_urls = FrontierUrl.objects.filter(slice=slice_row, state=FrontierUrl.State.LEASED, key=key)
    leased_urls.update(position=position, attempts=0)


def mark_urls(
    slice_row: CrawlSlice, keys: Iterable[bytes], state: FrontierUrl.State, *, has_new: bool | None = None
) -> None:
    """Record that a slice, locked by this transaction, has processed URLs, given by :attr:`NewUrl.key`.

    ``has_new`` is given for pages only: True if they showed or linked to anything new.
    """
    leased_urls = FrontierUrl.objects.filter(slice=slice_row, state=FrontierUrl.State.LEASED, key__in=list(keys))
    page_count = leased_urls.exclude(kind="image").count() if state == FrontierUrl.State.DONE else 0
    leased_urls.update(state=state, shows_new=has_new)
    Crawl.objects.filter(pk=slice_row.crawl_id).update(pages=F("pages") + page_count)


def return_urls(slice_row: CrawlSlice, keys: Iterable[bytes]) -> None:
    """Return URLs of a slice, locked by this transaction, to the frontier, because visits to their hosts are paused."""
    leased_urls = FrontierUrl.objects.filter(slice=slice_row, state=FrontierUrl.State.LEASED, key__in=list(keys))
    leased_urls.update(state=FrontierUrl.State.PENDING, slice=None)


def retry_later(slice_row: CrawlSlice, keys: Iterable[bytes]) -> set[bytes]:
    """Return URLs without a response to the frontier for another attempt; the slice is locked by this transaction.

    URLs that have reached the maximum number of attempts are refused instead; their keys are returned.
    """
    leased_urls = FrontierUrl.objects.filter(slice=slice_row, state=FrontierUrl.State.LEASED, key__in=list(keys))
    failed_urls = leased_urls.filter(attempts__gte=MAX_ATTEMPTS - 1)
    refused_keys = {bytes(key) for key in failed_urls.values_list("key", flat=True)}
    failed_urls.update(state=FrontierUrl.State.REFUSED, attempts=F("attempts") + 1)
    leased_urls.update(state=FrontierUrl.State.PENDING, slice=None, attempts=F("attempts") + 1)
    return refused_keys
