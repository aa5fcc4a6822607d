"""Selection of pages that have probably changed, based on the earlier visits of a watch.

From its second run on, a watch requests

1. its sources, and the sitemaps and feeds that the previous run knew;
2. pages it has never visited, and pages that a sitemap dates later than the last visit;
3. pages with known copies and pages with matches, in each run, because a use can be proven only while it is online;
4. pages that have changed before: a page that has been unchanged *n* times since then is requested again after 2^*n*
   runs, at most 16, in the same way as Nutch's ``AdaptiveFetchSchedule``;
5. a sample of the other pages of each host, least recently requested first: a sixteenth, at least 20, and enough to
   request each page once in 30 days. If a quarter of a host's sample has changed, the rest of that host is requested in
   the same run (Cho and Ntoulas, "Effective change detection using sampling", VLDB 2002).

Within the budget, a page that changes is therefore visited again within 16 runs and 30 days. A page that its site
declares unchanged (in a sitemap or ``Cache-Control``) is visited again within 30 days. If a picture is replaced under
the same URL on a page that the server declares unchanged, the change is detected one visit later, because every second
visit is unconditional. At most half of a run's pages are known pages.

If more pages are due than allowed, those most likely to have changed come first. A page's changes are modelled as a
Poisson process, whose rate is estimated from the logarithm of the fraction of visits that found a change (Cho and
Garcia-Molina, "Estimating frequency of change", ACM TOIT 3, 2003). Because of Jeffreys' prior for that fraction, pages
that have never changed are also visited again.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, F, Q, QuerySet

from crawler.formats.job import Target
from crawler.state.novelty import get_target_pattern
from exhibit.clock import now
from exhibit.network.addresses import compute_url_key, get_registrable_domain, get_url_host
from exhibit.reasons import Reason
from registry.crawls.budgets import get_remaining_budget
from registry.crawls.crawling import NewUrl, add_urls
from registry.crawls.models import Crawl, FrontierUrl, KnownPage, Refusal, Watch
from registry.db.bulk import to_storable
from registry.db.claimable import StepState
from registry.db.rows import update_row

MAX_ADDED = 10_000
"""Number of known pages added to a frontier at a time."""

MAX_RUNS, MAX_DAYS = 16, 30
"""Maximum number of runs, and of days, after which a page is requested again."""

MIN_SAMPLE = 20
"""Minimum number of a host's unchanged pages requested in each run."""

GONE_REASONS = frozenset({"http-404", "http-410"})
_TEMPORARY_REASONS = (
    Reason.TIMEOUT, Reason.UNREACHABLE, Reason.INCOMPLETE, Reason.ERROR, Reason.BUDGET, Reason.RETRY_AFTER,
    Reason.ROBOTS_UNAVAILABLE, Reason.BROKE_OFF, Reason.ROBOTS, Reason.TDM_RESERVED, Reason.NOAI, Reason.CRAWL_DELAY,
    Reason.DENIED_HOST, Reason.WALL,
)  # fmt: skip
RETRY_LATER = re.compile("|".join(_TEMPORARY_REASONS) + r"|http-4(03|08|29)|http-5\d\d")
"""Refusal reasons after which the next run tries a page again even if nothing links to it."""

_DAY = timedelta(days=1)
_RATE = """
    CASE WHEN visits = 0 THEN ln(2) / greatest(%(interval)s, 1e-3)
    ELSE -ln(1 - (changes + 0.5) / (visits + 1)) / greatest(days / visits, 1e-3) END
"""
"""SQL for changes per day. A page visited once is assumed to change between runs with probability 1/2."""
_AGE = "abs(EXTRACT(epoch FROM %(now)s - visited_at))"
_REQUEST_AGE = f"least({_AGE}, (%(run)s - run) * %(interval)s * 86400)"
"""SQL for seconds since a page's last request, by runs and days; it also increases for pages that failed to respond."""
_STATED_UNCHANGED = f"(known.dated = %(run)s OR known.fresh_seconds > {_AGE})"
"""SQL condition: the site states that a page has not changed since its last visit."""
_DUE = f"""(
    {_AGE} >= {MAX_DAYS} * 86400 OR NOT {_STATED_UNCHANGED} AND %(run)s - run >=
    CASE WHEN changes = 0 THEN {MAX_RUNS} + 1 ELSE least(2 ^ least(unchanged, {MAX_RUNS}), {MAX_RUNS}) END
)"""
"""SQL condition: a page is due by its own history. Pages that have never changed are left to the sample."""
_HAS_KNOWN_COPY = """EXISTS (
    SELECT FROM registry_knowncopy AS known_copy
    WHERE known_copy.watch_id = known.watch_id AND known_copy.key = known.key AND known_copy.removed_at IS NULL
)"""
_HAS_MATCH = """coalesce(leads_to, known.key) IN (
    SELECT sighting.page_key FROM registry_casesighting AS seen JOIN registry_case ON registry_case.id = seen.case_id
    JOIN registry_sighting AS sighting ON sighting.id = seen.sighting_id
    JOIN registry_crawl AS crawl ON crawl.id = sighting.crawl_id
    WHERE crawl.watch_id = %(watch)s AND registry_case.decision <> 'dismissed' AND NOT registry_case.is_related
)"""
_IN_REACH = """
    known.watch_id = %(watch)s AND known.depth <= %(depth)s AND NOT EXISTS (
        SELECT FROM registry_frontierurl AS queued WHERE queued.crawl_id = %(crawl)s AND queued.key = known.key
    )
"""
_HOST = "split_part(known.url, '/', 3)"


@dataclass(frozen=True, slots=True)
class PageVisit:
    """Result of a visit to a page."""

    url: str
    depth: int
    content_digest: bytes  # digest of the page's pictures and text; empty if the server responded "not modified"
    at: datetime
    final_url: str = ""  # final URL, if different
    fresh_seconds: int = 0  # time for which the server declares the page fresh
    etag: str = ""  # validator for conditional requests, like ``last_modified``
    last_modified: str = ""


def select_first_pages(crawl: Crawl) -> None:
    """Select the first pages of a crawl that has just started, if its watch knows any.

    A crawl with ``everything`` set follows all links, like a first crawl, if its budget covers all known pages.
    """
    pages = crawl.watch.budget.get("pages")
    max_pages = 2 * MAX_ADDED if pages is None else int(pages)
    known_count = KnownPage.objects.filter(watch=crawl.watch_id)[:max_pages].count()
    if not known_count or (crawl.everything and (pages is None or known_count < max_pages)):
        return
    update_row(crawl, by_change=True)
    previous_crawl = _find_previous_crawl(crawl)
    if previous_crawl is not None and previous_crawl.opt_outs is None:  # it was interrupted before its end was recorded
        _carry_over(previous_crawl)
    known_limit = max_pages // 2
    add_urls(crawl.pk, _list_previous_sitemaps_and_feeds(crawl))
    due_count = _add_all_due_pages(crawl, known_limit)
    if known_count >= max_pages:  # the budget cannot cover everything, so the sample is added at once
        sample = _list_sampled_pages(crawl, known_limit - due_count)
        update_row(crawl, sampled=len(sample) < known_limit - due_count)
        add_urls(crawl.pk, sample)
        add_urls(crawl.pk, _list_unvisited_pages(crawl, max_pages - known_limit))
    else:
        add_urls(crawl.pk, _list_unvisited_pages(crawl, MAX_ADDED))


def add_due_pages(crawl_id: int) -> None:
    """Add known pages if no URL is pending and budget is left: first the sample, then hosts that have changed."""
    with transaction.atomic():
        crawl = Crawl.objects.select_for_update(no_key=True, of=("self",)).select_related("watch").get(pk=crawl_id)
        if not crawl.by_change or crawl.reason or crawl.state != StepState.RUNNING:
            return
        open_states = (FrontierUrl.State.PENDING, FrontierUrl.State.LEASED)
        remaining = get_remaining_budget(crawl)
        if not remaining.pages or remaining.end_reason or crawl.frontier.filter(state__in=open_states).exists():
            return
        if crawl.sampled:
            add_urls(
                crawl_id,
                [*_list_pages_on_changed_hosts(crawl, remaining.pages), *_list_unvisited_pages(crawl, remaining.pages)],
            )
            return
        sample_limit = remaining.pages - _add_all_due_pages(crawl, remaining.pages)
        sample = _list_sampled_pages(crawl, sample_limit)
        update_row(crawl, sampled=len(sample) < sample_limit)
        add_urls(crawl_id, sample)


def count_skipped_pages(crawl_id: int) -> None:
    """Count the known pages that a finished crawl skipped; pages that it did not reach are left to the next crawl."""
    with transaction.atomic():
        crawl = Crawl.objects.select_for_update(no_key=True, of=("self",)).select_related("watch").get(pk=crawl_id)
        if not crawl.by_change:
            return
        rows = _query_pages(
            f"""
            SELECT {_HOST}, {_STATED_UNCHANGED}, count(*) FROM registry_knownpage AS known
            WHERE {_IN_REACH} AND NOT {_DUE} GROUP BY 1, 2
            """,  # noqa: S608 - it contains no external input
            crawl,
        )
        domains = _list_domains(crawl)
        counts = {"unchanged": 0, "stated": 0}
        for authority, is_stated, pages in rows:
            if _get_domain(authority) in domains:
                counts["stated" if is_stated else "unchanged"] += pages
        update_row(crawl, skipped_pages={reason: pages for reason, pages in counts.items() if pages})
    _carry_over(crawl)


def _carry_over(crawl: Crawl) -> None:
    """Move the pages that the previous crawl never reached to this crawl, in batches.

    Pending pages are moved, so that their number does not grow with each run; only temporarily refused pages are
    duplicated. The next call completes an interrupted one.
    """
    if not crawl.by_change or crawl.reason == "finished":
        return
    last_key = 0
    while rows := list(_list_unreached_pages(crawl).filter(pk__gt=last_key).order_by("pk")[:MAX_ADDED]):
        last_key = rows[-1].pk
        pending_keys = {row.url: row.pk for row in rows if row.state == FrontierUrl.State.PENDING}
        in_scope = _to_new_urls(crawl, [(url, 0) for url in pending_keys])
        refused_pages = [(row.url, row.depth) for row in rows if row.state != FrontierUrl.State.PENDING]
        with transaction.atomic():
            moved_urls = FrontierUrl.objects.filter(pk__in=[pending_keys[new_url.url] for new_url in in_scope])
            moved_urls.update(crawl=crawl, slice=None, attempts=0)
            add_urls(crawl.pk, _assign_patterns(crawl, refused_pages))


def filter_links(crawl: Crawl, links: Iterable[tuple[NewUrl, datetime | None]]) -> list[NewUrl]:
    """Filter a document's links for unvisited pages, and known pages that it dates after their last visit.

    If the dates declare more than half of the known pages changed, the dates are ignored, because some servers date all
    pages today. A date without a time is read as the end of that day, so it may be up to a day in the future. Known
    pages that are dated before their last visit are recorded as unchanged. Call it in a transaction.
    """
    links_by_key, current_time = {new_url.key: (new_url, modified_at) for new_url, modified_at in links}, now()
    rows = KnownPage.objects.filter(watch=crawl.watch_id, key__in=list(links_by_key)).values_list("key", "visited_at")
    visited_at = {bytes(key): visit_time for key, visit_time in rows}
    dates_by_key = {key: date for key in visited_at if (date := links_by_key[key][1])}
    changed_keys = {key for key, date in dates_by_key.items() if visited_at[key] < date <= current_time + _DAY}
    if 2 * len(changed_keys) > len(visited_at):
        changed_keys = set()
    else:
        unchanged_keys = [key for key, date in dates_by_key.items() if date <= visited_at[key]]
        KnownPage.objects.filter(watch=crawl.watch_id, key__in=unchanged_keys).update(dated=crawl.number)
    # Without a pattern, they are never omitted; their number is limited.
    without_pattern = {key: replace(links_by_key[key][0], pattern="") for key in changed_keys}
    return [
        without_pattern.get(key, new_url)
        for key, (new_url, _) in links_by_key.items()
        if key not in visited_at or key in changed_keys
    ]


def store_visits(watch_id: int, run: int, visits: Sequence[PageVisit], refusal_reasons: Mapping[str, str]) -> None:
    """Record a run's visits and refusals of pages; pages that no longer exist are deleted.

    Pages with known copies or matches are kept, because each run requests them. Call it in the transaction that marks
    the visits as done, so that each visit is counted once.

    Args:
        watch_id: The watch's primary key.
        run: The crawl's number.
        visits: The visits.
        refusal_reasons: Refusal reasons by URL.
    """
    by_key = {compute_url_key(visit.url): visit for visit in visits}
    columns: dict[str, Any] = {
        "keys": list(by_key),
        "urls": [to_storable(visit.url) for visit in by_key.values()],
        "depths": [visit.depth for visit in by_key.values()],
        "shown": [visit.content_digest for visit in by_key.values()],
        "at": [visit.at for visit in by_key.values()],
        "fresh": [visit.fresh_seconds for visit in by_key.values()],
        "etags": [to_storable(visit.etag) for visit in by_key.values()],
        "since": [to_storable(visit.last_modified) for visit in by_key.values()],
        "leads": [_find_target_key(visit) for visit in by_key.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO registry_knownpage AS known (
                watch_id, key, url, depth, shown, visited_at, visits, changes, days, run, unchanged, fresh_seconds,
                etag, last_modified, leads_to
            )
            SELECT %(watch)s, key, url, depth, shown, at, 0, 0, 0, %(run)s, 0, fresh, etag, since, leads FROM unnest(
                %(keys)s::bytea[], %(urls)s::text[], %(depths)s::int[], %(shown)s::bytea[], %(at)s::timestamptz[],
                %(fresh)s::int[], %(etags)s::text[], %(since)s::text[], %(leads)s::bytea[]
            ) AS visit (key, url, depth, shown, at, fresh, etag, since, leads)
            ORDER BY key
            ON CONFLICT (watch_id, key) DO UPDATE SET
                depth = least(known.depth, excluded.depth),
                shown = CASE WHEN excluded.shown = '' THEN known.shown ELSE excluded.shown END,
                changes = known.changes + (excluded.shown NOT IN ('', known.shown))::int,
                unchanged = CASE WHEN excluded.shown IN ('', known.shown) THEN known.unchanged + 1 ELSE 0 END,
                visits = known.visits + 1,
                days = known.days + greatest(EXTRACT(epoch FROM excluded.visited_at - known.visited_at) / 86400, 0),
                visited_at = excluded.visited_at,
                run = excluded.run,
                fresh_seconds = excluded.fresh_seconds,
                etag = CASE WHEN excluded.shown = '' THEN '' ELSE excluded.etag END,
                last_modified = CASE WHEN excluded.shown = '' THEN '' ELSE excluded.last_modified END,
                leads_to = excluded.leads_to
            """,
            {"watch": watch_id, "run": run, **columns},
        )
        removed_keys = [compute_url_key(url) for url, reason in refusal_reasons.items() if reason in GONE_REASONS]
        cursor.execute(
            f"""
            DELETE FROM registry_knownpage AS known
            WHERE watch_id = %(watch)s AND key = ANY(%(gone)s) AND NOT {_HAS_KNOWN_COPY} AND NOT {_HAS_MATCH}
            """,  # noqa: S608 - it contains no external input
            {"watch": watch_id, "gone": removed_keys},
        )
    pages = KnownPage.objects.filter(watch=watch_id)
    retry_keys = [compute_url_key(url) for url, reason in refusal_reasons.items() if RETRY_LATER.fullmatch(reason)]
    pages.filter(key__in=retry_keys).update(run=run)  # keeps the time of the last successful visit
    answered_keys = [
        compute_url_key(url) for url, reason in refusal_reasons.items() if not RETRY_LATER.fullmatch(reason)
    ]
    pages.filter(key__in=answered_keys).update(visited_at=now(), run=run)


def delete_other_sites(watch: Watch) -> None:
    """Delete known pages outside the watch's sites: no run requests them, and they would count against the budget."""
    domains = _list_domains(watch)
    with connection.cursor() as cursor:
        hosts_sql = f"SELECT DISTINCT {_HOST} FROM registry_knownpage AS known WHERE watch_id = %s"  # noqa: S608 - as below
        cursor.execute(hosts_sql, [watch.pk])
        other_hosts = [name for (name,) in cursor.fetchall() if _get_domain(name) not in domains]
        cursor.execute(
            f"DELETE FROM registry_knownpage AS known WHERE watch_id = %s AND {_HOST} = ANY(%s)",  # noqa: S608 - it contains no external input
            [watch.pk, other_hosts],
        )


def _find_target_key(visit: PageVisit) -> bytes | None:
    key = compute_url_key(visit.final_url) if visit.final_url else None
    return None if key == compute_url_key(visit.url) else key


def load_validators(crawl: Crawl, pages: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the ``ETag`` and ``Last-Modified`` validators of pages by URL.

    Pages that must be requested unconditionally, so that their pictures are requested as well, are omitted: pages with
    a known copy or a match, and pages that the server declared unchanged at the last visit (:func:`store_visits` then
    drops their validators).
    """
    if crawl.everything:
        return {}
    keys = {compute_url_key(url): url for url in pages}
    rows = _query_pages(
        f"""
        SELECT key, etag, last_modified FROM registry_knownpage AS known
        WHERE watch_id = %(watch)s AND key = ANY(%(keys)s) AND (etag <> '' OR last_modified <> '')
        AND NOT {_HAS_KNOWN_COPY} AND NOT {_HAS_MATCH}
        """,  # noqa: S608 - it contains no external input
        crawl,
        keys=list(keys),
    )
    return {keys[bytes(key)]: (etag, last_modified) for key, etag, last_modified in rows}


def count_weekly_changes(watch_id: int) -> tuple[int, int]:
    """Return the number of a watch's pages that change at least weekly, and of its pages known for at least a week."""
    pages = KnownPage.objects.filter(watch=watch_id, days__gte=7)
    changes_weekly = Q(changes__gt=0, changes__gte=F("days") / 7)
    counts = pages.aggregate(often=Count("pk", filter=changes_weekly), known=Count("pk"))
    return counts["often"], counts["known"]


def _query_pages(sql: str, crawl: Crawl, **parameters: object) -> list[tuple[Any, ...]]:
    """Run a query on the known pages of a crawl's watch; ``sql`` must not contain external input."""
    watch = crawl.watch
    values: dict[str, Any] = {
        "watch": watch.pk, "crawl": crawl.pk, "run": crawl.number, "depth": watch.budget.get("depth", 2**15 - 1),
        "now": now(), "interval": watch.interval_seconds / 86_400,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(sql, values | parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _add_all_due_pages(crawl: Crawl, limit: int) -> int:
    """Add due pages in batches, at most ``limit``; return the number added."""
    added_count = 0
    while added_count < limit:
        due_pages = _list_due_pages(crawl, limit - added_count)
        if not (new_count := add_urls(crawl.pk, due_pages)):
            break
        added_count += new_count
    return added_count


def _list_due_pages(crawl: Crawl, limit: int) -> list[NewUrl]:
    """Return due pages that are not in the crawl's frontier: with known copies or matches, or with earlier changes."""
    rows = _query_pages(
        f"""
        SELECT url, depth, {_HAS_KNOWN_COPY} OR {_HAS_MATCH} FROM registry_knownpage AS known
        WHERE {_IN_REACH} AND ({_DUE} OR {_HAS_KNOWN_COPY} OR {_HAS_MATCH})
        ORDER BY {_HAS_KNOWN_COPY} DESC, {_HAS_MATCH} DESC, ({_RATE}) * {_REQUEST_AGE} DESC, id LIMIT %(most)s
        """,  # noqa: S608 - it contains no external input
        crawl,
        most=min(limit, MAX_ADDED),
    )
    return _to_new_urls(crawl, rows)


def _list_sampled_pages(crawl: Crawl, limit: int) -> list[NewUrl]:
    """Return each host's least recently requested pages, among those that have never changed."""
    rows = _query_pages(
        f"""
        SELECT url, depth FROM (
            SELECT url, depth, is_stated,
            row_number() OVER (PARTITION BY host, is_stated ORDER BY run, depth, visited_at, id) AS place,
            count(*) OVER (PARTITION BY host, is_stated) AS pages
            FROM (
                SELECT known.*, {_HOST} AS host, {_STATED_UNCHANGED} AS is_stated FROM registry_knownpage AS known
                WHERE {_IN_REACH} AND changes = 0
            ) AS known
        ) AS known
        WHERE place <= greatest(
            ceil(pages * least(1, %(interval)s / {MAX_DAYS})),
            CASE WHEN NOT is_stated THEN greatest({MIN_SAMPLE}, ceil(pages / {MAX_RUNS}.0)) END
        ) ORDER BY place, url LIMIT %(most)s
        """,  # noqa: S608 - it contains no external input
        crawl,
        most=max(0, limit),
    )
    return _to_new_urls(crawl, rows)


def _list_pages_on_changed_hosts(crawl: Crawl, limit: int) -> list[NewUrl]:
    """Return the other known pages of hosts where a quarter of the sampled pages has changed in this run."""
    rows = _query_pages(
        f"""
        SELECT url, depth FROM registry_knownpage AS known WHERE {_IN_REACH} AND {_HOST} IN (
            SELECT {_HOST} FROM registry_knownpage AS known
            WHERE watch_id = %(watch)s AND run = %(run)s AND visits > 0
            AND (changes = 0 OR changes = 1 AND unchanged = 0)
            GROUP BY 1 HAVING 4 * count(*) FILTER (WHERE changes = 1) >= count(*)
        ) ORDER BY depth, id LIMIT %(most)s
        """,  # noqa: S608 - it contains no external input
        crawl,
        most=min(limit, MAX_ADDED),
    )
    return _to_new_urls(crawl, rows)


def _list_previous_sitemaps_and_feeds(crawl: Crawl) -> list[NewUrl]:
    """Return the previous run's sitemaps and feeds, because the pages that link to them may be skipped this time."""
    if (previous_crawl := _find_previous_crawl(crawl)) is None:
        return []
    sitemaps_and_feeds = previous_crawl.frontier.filter(kind__in=("sitemap", "feed"))
    sitemaps_and_feeds = sitemaps_and_feeds.filter(
        ~Q(state=FrontierUrl.State.REFUSED) | Q(key__in=_list_failed_keys(previous_crawl))
    )
    rows = sitemaps_and_feeds.order_by("depth", "id").values_list("url", "depth", "kind")[:MAX_ADDED]
    return [
        NewUrl(url, kind, depth)
        for url, depth, kind in rows
        if get_registrable_domain(get_url_host(url)) in _list_domains(crawl)
    ]


def _list_unvisited_pages(crawl: Crawl, limit: int) -> list[NewUrl]:
    """Return pages that the previous run did not reach or could not load, alternating between URL patterns."""
    unreached_urls = _list_unreached_pages(crawl).order_by("state", "depth", "turn", "id")
    return _assign_patterns(crawl, unreached_urls.values_list("url", "depth")[: min(limit, MAX_ADDED)])


def _list_unreached_pages(crawl: Crawl) -> QuerySet[FrontierUrl]:
    """Return the previous run's frontier rows of pages that it did not reach or could not load."""
    if (previous_crawl := _find_previous_crawl(crawl)) is None:
        return FrontierUrl.objects.none()
    unreached_urls = previous_crawl.frontier.filter(kind="page").filter(
        Q(state=FrontierUrl.State.PENDING)
        | Q(state=FrontierUrl.State.REFUSED, key__in=_list_failed_keys(previous_crawl))
    )
    return unreached_urls.exclude(key__in=crawl.frontier.values("key"))


def _list_failed_keys(crawl: Crawl) -> QuerySet[Refusal, Any]:
    """Return the keys of URLs refused in a crawl for a reason that may be temporary."""
    failed_refusals = Refusal.objects.filter(crawl=crawl, reason__regex=f"^({RETRY_LATER.pattern})$", page_url="")
    return failed_refusals.values_list("key", flat=True)


def _assign_patterns(crawl: Crawl, pages: Iterable[Sequence[Any]]) -> list[NewUrl]:
    return [
        replace(new_url, pattern=get_target_pattern(Target(url=new_url.url, depth=new_url.depth)))
        for new_url in _to_new_urls(crawl, pages)
    ]


def _find_previous_crawl(crawl: Crawl) -> Crawl | None:
    return crawl.watch.crawls.filter(number__lt=crawl.number).order_by("-number").first()


def _get_domain(authority: str) -> str:
    return get_registrable_domain(get_url_host(f"http://{authority}/"))


def _list_domains(crawl_or_watch: Crawl | Watch) -> Collection[str]:
    sources: Sequence[Mapping[str, Any]] = crawl_or_watch.sources
    return {get_registrable_domain(get_url_host(source["url"])) for source in sources}


def _to_new_urls(crawl: Crawl, pages: Iterable[Sequence[Any]]) -> list[NewUrl]:
    """Convert known pages to frontier URLs, if the watch still covers their sites.

    Each row has the URL, the depth and, optionally, a flag that puts the page first.
    """
    domains = _list_domains(crawl)
    return [
        NewUrl(url, "page", depth, is_first=any(first_flags))
        for url, depth, *first_flags in pages
        if get_registrable_domain(get_url_host(url)) in domains
    ]
