"""Crawls in rows: schedule, frontier, host leases, and what slices bring home."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, Max, Q

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.urls import host_of, url_key
from registry.bulk import copy_into
from registry.log import submit
from registry.models import Crawl, CrawlSlice, FrontierUrl, HostLease, Sighting, StepState, Watch

LEASE = timedelta(minutes=30)
MAX_URL_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class NewUrl:
    """A URL for a crawl's frontier.

    Attributes:
        url: absolute; a path for a folder or a WARC file.
        kind: page, sitemap, feed, image, folder or warc.
        depth: links followed since the source.
        page_url: for an image of a sitemap or a feed, the page that shows it.
        context: the words that stood beside it there.
    """

    url: str
    kind: str
    depth: int
    page_url: str = ""
    context: str = ""

    @property
    def key(self) -> bytes:
        """What makes it one and the same in a frontier, 16 bytes."""
        return url_key(f"{self.url} {self.page_url}") if self.page_url else url_key(self.url)


def due_watches() -> list[int]:
    """Watches whose next run is due and that have no crawl under way."""
    running = Crawl.objects.filter(state__in=[StepState.TODO, StepState.DOING]).values("watch")
    due = Watch.objects.filter(paused=False, next_run_at__lte=now()).exclude(pk__in=running)
    return list(due.order_by("next_run_at").values_list("pk", flat=True))


def start_crawl(watch_id: int) -> Crawl | None:
    """Start the watch's next crawl; ``None`` when another process did, or when it isn't due."""
    with transaction.atomic():
        watch = Watch.objects.select_for_update().get(pk=watch_id)
        moment = now()
        under_way = watch.crawls.filter(state__in=[StepState.TODO, StepState.DOING]).exists()
        if watch.paused or under_way or watch.next_run_at is None or watch.next_run_at > moment:
            return None
        number = (watch.crawls.aggregate(last=Max("number"))["last"] or 0) + 1
        crawl = Crawl.objects.create(watch=watch, number=number, state=StepState.DOING, started_at=moment)
        add_urls(crawl.pk, [NewUrl(source["url"], _kind(source["kind"]), 0) for source in watch.sources])
        watch.next_run_at = moment + timedelta(seconds=watch.interval_seconds)
        watch.save(update_fields=["next_run_at"])
    return crawl


def _kind(source_kind: str) -> str:
    return {"site": "page", "list": "page"}.get(source_kind, source_kind)


def add_urls(crawl_id: int, urls: Iterable[NewUrl]) -> int:
    """Add URLs to the frontier; those it knows stay as they are. Must run inside a transaction."""
    rows = {
        new.key: (
            crawl_id,
            new.key,
            new.url,
            host_of(new.url),
            new.kind,
            new.depth,
            new.page_url,
            new.context,
            "pending",
            0,
        )
        for new in urls
    }
    columns = ("crawl_id", "key", "url", "host", "kind", "depth", "page_url", "context", "state", "attempts")
    return copy_into("registry_frontierurl", columns, rows.values(), conflict=("crawl_id", "key"))


def plan_slice(crawl_id: int, *, most_urls: int, most_hosts: int) -> CrawlSlice | None:
    """Lease free hosts with waiting URLs to a new slice.

    Returns:
        The slice with its URLs leased, or ``None`` when no host is free or nothing waits.
    """
    with transaction.atomic():
        crawl = Crawl.objects.select_for_update().get(pk=crawl_id)
        if crawl.state != StepState.DOING:
            return None
        hosts = _lease_hosts(crawl, most_hosts)
        room = min(most_urls, _pages_left(crawl))
        urls = _waiting_urls(crawl_id, hosts, room)
        if not urls:
            HostLease.objects.filter(host__in=hosts, slice=None).delete()
            return None
        number = (crawl.slices.aggregate(last=Max("number"))["last"] or 0) + 1
        planned = CrawlSlice.objects.create(crawl=crawl, number=number)
        FrontierUrl.objects.filter(pk__in=urls).update(
            state=FrontierUrl.State.LEASED, slice=planned, attempts=F("attempts") + 1
        )
        HostLease.objects.filter(host__in=hosts).update(slice=planned, epoch=F("epoch") + 1, expires_at=now() + LEASE)
    return planned


def _pages_left(crawl: Crawl) -> int:
    budget = crawl.watch.budget.get("pages")
    return 1_000_000 if budget is None else max(0, int(budget) - crawl.pages)


def _lease_hosts(crawl: Crawl, most: int) -> list[str]:
    """Hosts with waiting URLs that no other slice holds, now locked by this transaction."""
    waiting = FrontierUrl.objects.filter(crawl=crawl, state=FrontierUrl.State.PENDING)
    hosts = list(waiting.values_list("host", flat=True).distinct().order_by("host")[: most * 4])
    HostLease.objects.bulk_create([HostLease(host=host, expires_at=now()) for host in hosts], ignore_conflicts=True)
    free = HostLease.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        Q(slice=None) | Q(expires_at__lt=now()), host__in=hosts
    )
    return [lease.host for lease in free.order_by("host")[:most]]


def _waiting_urls(crawl_id: int, hosts: Sequence[str], most: int) -> list[int]:
    """The oldest waiting URLs of the hosts, in turn host by host."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT id FROM (
                SELECT id, row_number() OVER (PARTITION BY host ORDER BY depth, id) AS turn
                FROM registry_frontierurl WHERE crawl_id = %s AND state = 'pending' AND host = ANY(%s)
            ) waiting ORDER BY turn, id LIMIT %s
            """,
            [crawl_id, list(hosts), most],
        )
        return [row[0] for row in cursor.fetchall()]


def claim_slice(slice_id: int, stale_after: timedelta) -> int | None:
    """Claim a slice and fence an earlier claimer off.

    Returns:
        The epoch that this claimer writes under, or ``None`` when the slice isn't to be had.
    """
    with transaction.atomic():
        row = CrawlSlice.objects.select_for_update(skip_locked=True).filter(pk=slice_id).first()
        if row is None or row.state in (StepState.DONE, StepState.FAILED):
            return None
        if row.state == StepState.DOING and row.claimed_at is not None and row.claimed_at >= now() - stale_after:
            return None
        row.state, row.claimed_at, row.epoch = StepState.DOING, now(), row.epoch + 1
        row.attempts += 1
        row.started_at = row.started_at or now()
        row.save(update_fields=["state", "claimed_at", "epoch", "attempts", "started_at"])
        HostLease.objects.filter(slice=row).update(expires_at=now() + LEASE)
    return row.epoch


def hold_slice(slice_id: int, epoch: int) -> CrawlSlice | None:
    """Lock the slice for this transaction if the epoch is still the claimer's, else ``None``."""
    row = CrawlSlice.objects.select_for_update().select_related("crawl__watch").filter(pk=slice_id).first()
    if row is None or row.epoch != epoch or row.state != StepState.DOING:
        return None
    CrawlSlice.objects.filter(pk=slice_id).update(claimed_at=now())
    return row


def finish_slice(
    slice_id: int, epoch: int, *, counts: Mapping[str, object], opening: Callable[[CrawlSlice], Mapping[str, object]]
) -> bool:
    """End a slice: one log entry, its leases free, its unfinished URLs back in the frontier.

    Args:
        slice_id: the slice.
        epoch: under which the caller claimed it.
        counts: what the child process counted, kept as it is.
        opening: what the log entry commits to, asked for when no more sightings can come.

    Returns:
        Whether this claimer ended it.
    """
    with transaction.atomic():
        row = hold_slice(slice_id, epoch)
        if row is None:
            return False
        leased = FrontierUrl.objects.filter(slice=row, state=FrontierUrl.State.LEASED)
        leased.filter(attempts__gte=MAX_URL_ATTEMPTS).update(state=FrontierUrl.State.REFUSED)
        leased.filter(attempts__lt=MAX_URL_ATTEMPTS).update(state=FrontierUrl.State.PENDING, slice=None)
        HostLease.objects.filter(slice=row).update(slice=None, expires_at=now())
        row.finished_at, row.counts = now(), dict(counts)
        row.submission = submit(EntryType.SLICE, opening(row), row.crawl.watch.owner)
        row.state = StepState.DONE
        row.save(update_fields=["finished_at", "counts", "submission", "state"])
    return True


def end_crawl_if_worked_off(crawl_id: int) -> bool:
    """Mark a crawl as done when no URL waits (or its budget is spent) and no slice is under way."""
    with transaction.atomic():
        crawl = Crawl.objects.select_for_update().get(pk=crawl_id)
        if crawl.state != StepState.DOING:
            return False
        waiting = crawl.frontier.filter(state=FrontierUrl.State.PENDING).exists()
        spent = _pages_left(crawl) == 0
        under_way = crawl.slices.exclude(state__in=[StepState.DONE, StepState.FAILED]).exists()
        if under_way or (waiting and not spent):
            return False
        crawl.state, crawl.finished_at = StepState.DONE, now()
        crawl.reason = "budget-pages" if waiting else "finished"
        crawl.save(update_fields=["state", "finished_at", "reason"])
    return True


def running_crawls() -> list[int]:
    """Crawls that are under way, oldest first."""
    return list(Crawl.objects.filter(state=StepState.DOING).order_by("started_at").values_list("pk", flat=True))


def leased_urls(slice_id: int) -> list[NewUrl]:
    """The URLs that a slice still has to work off."""
    rows = FrontierUrl.objects.filter(slice_id=slice_id, state=FrontierUrl.State.LEASED).order_by("depth", "id")
    return [NewUrl(row.url, row.kind, row.depth, row.page_url, row.context) for row in rows]


def mark_urls(of: CrawlSlice, urls: Iterable[str], state: FrontierUrl.State) -> None:
    """Record that a slice, held by this transaction, has worked URLs off."""
    leased = FrontierUrl.objects.filter(slice=of, state=FrontierUrl.State.LEASED, url__in=list(urls))
    pages = leased.exclude(kind="image").count()
    leased.update(state=state)
    Crawl.objects.filter(pk=of.crawl_id).update(pages=F("pages") + pages)


@dataclass(frozen=True, slots=True)
class Validator:
    """What a server said of an image's version, and which bytes it had then."""

    etag: str
    last_modified: str
    digest: Digest


def validators(watch_id: int, pages: Iterable[str]) -> dict[str, Validator]:
    """What earlier crawls of a watch know of the images on these pages, by image URL; the latest visit counts."""
    keys = [url_key(page) for page in pages]
    rows = Sighting.objects.filter(crawl__watch_id=watch_id, page_key__in=keys).select_related("picture")
    known: dict[str, Validator] = {}
    for row in rows.order_by("last_seen"):
        headers = {name.lower(): value for name, value in row.response_headers}
        etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
        if etag or modified:
            known[row.image_url] = Validator(etag, modified, row.picture.digest)
    return known
