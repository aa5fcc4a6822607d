"""Results of page visits, used by later runs to estimate how often pages change, and omissions by URL pattern."""

import hashlib
from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Q

from crawler.formats.job import Kind, Render, StyleSheet
from crawler.formats.lines import PageLine, RefusalLine
from crawler.state.novelty import (
    MAX_IDLE_PAGES,
    MIN_PAGES,
    SKIP_REASON,
    compute_pattern,
    describe_skipped_pages as sentence_of,
)
from exhibit.network.addresses import compute_url_key
from registry.crawls import crawling, page_changes, url_patterns, watch_settings
from registry.crawls.models import Crawl, KnownSheet, Refusal
from registry.crawls.revisits import is_revisit_watch
from registry.db.bulk import to_storable

MAX_KNOWN_SHEETS, MAX_SHEETS_LENGTH = 2_000, 4 << 20
"""Maximum number of a watch's style sheets that are requested conditionally, and of characters in their URLs."""


def record_visits(crawl: Crawl, pages: Iterable[PageLine], refusals: Iterable[RefusalLine]) -> None:
    """Record visits to pages of a scheduled watch over sites, in the transaction that marks the pages as visited."""
    watch = crawl.watch
    if watch.private or watch_settings.is_list_watch(watch) or is_revisit_watch(watch):
        return
    pages = list(pages)
    _store_sheets(crawl, pages)
    visits = [
        page_changes.PageVisit(
            page.url,
            page.depth,
            _hash_content(page),
            page.fetched_at,
            page.final_url,
            page.fresh_seconds,
            *_get_validators(page, is_rendering=watch.budget.get("render", Render.NEVER) != Render.NEVER),
        )
        for page in pages
        if page.kind is Kind.PAGE and page.fetched_at is not None
    ]
    page_changes.store_visits(
        watch.pk, crawl.number, visits, {line.url: line.reason for line in refusals if not line.page_url}
    )


def _store_sheets(crawl: Crawl, pages: Iterable[PageLine]) -> None:
    """Store new and changed style sheets, and delete those that can no longer be requested conditionally."""
    sheets = {compute_url_key(sheet.url): sheet for page in pages for sheet in page.sheets}
    if not sheets:
        return
    stored_sheets = crawl.watch.known_sheets
    outdated_keys = [key for key, sheet in sheets.items() if not (sheet.etag or sheet.last_modified)]
    stored_sheets.filter(Q(key__in=outdated_keys) | Q(run__lte=crawl.number - page_changes.MAX_RUNS)).delete()
    if stored_sheets.count() >= MAX_KNOWN_SHEETS:
        return
    rows = [
        KnownSheet(
            watch=crawl.watch,
            key=key,
            url=to_storable(sheet.url),
            etag=to_storable(sheet.etag),
            last_modified=to_storable(sheet.last_modified),
            images=[to_storable(url) for url in sheet.images],
            imports=[to_storable(url) for url in sheet.imports],
            run=crawl.number,
        )
        for key, sheet in sorted(sheets.items())
        if key not in outdated_keys
    ]
    KnownSheet.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["watch", "key"],
        update_fields=["etag", "last_modified", "images", "imports", "run"],
    )


def load_sheets(crawl: Crawl) -> tuple[StyleSheet, ...]:
    """Return the style sheets that the watch has fetched, for conditional requests.

    Each sheet is received completely again after :data:`registry.crawls.page_changes.MAX_RUNS` runs.
    """
    if crawl.everything:
        return ()
    sheets: list[StyleSheet] = []
    remaining_length = MAX_SHEETS_LENGTH
    rows = crawl.watch.known_sheets.filter(run__gt=crawl.number - page_changes.MAX_RUNS).order_by("-run", "pk")
    for row in rows[:MAX_KNOWN_SHEETS]:
        remaining_length -= sum(map(len, (row.url, *row.images, *row.imports)))
        if remaining_length < 0:
            break
        urls = {"images": tuple(row.images), "imports": tuple(row.imports)}
        sheets.append(StyleSheet(url=row.url, etag=row.etag, last_modified=row.last_modified, **urls))
    return tuple(sheets)


def _get_validators(page: PageLine, *, is_rendering: bool) -> tuple[str, str]:
    """Return a page's validators for conditional requests, or empty strings if "not modified" would not be conclusive.

    "Not modified" is not conclusive for pages whose scripts load further content, and for pages with pictures that
    failed to load and may load later.

    Args:
        page: The page.
        is_rendering: True if the watch renders pages, so that a later visit may run the scripts of this one.
    """
    is_unreliable = page.render_seconds or (page.scripts_not_run and is_rendering)
    if is_unreliable or any(page_changes.RETRY_LATER.fullmatch(refusal.reason) for refusal in page.refusals):
        return "", ""
    return page.etag, page.last_modified


def _hash_content(page: PageLine) -> bytes:
    """Return a digest of the page's pictures and text, or empty bytes if the server responded "not modified"."""
    contents = sorted({sighting.digest.hex for sighting in page.sightings} | {page.text})
    return b"" if page.not_modified else hashlib.blake2b("\n".join(contents).encode(), digest_size=16).digest()


def omit_patterns(slice_id: int, epoch: int) -> None:
    """Omit URL patterns that have stopped showing anything new, at the end of a slice that is still claimed."""
    with transaction.atomic():
        if row := crawling.lock_slice(slice_id, epoch):
            min_pages = MAX_IDLE_PAGES if row.crawl.by_change else MIN_PAGES  # later runs visit few unknown pages
            counts = url_patterns.omit_patterns(row, min_pages=min_pages, idle_pages=MAX_IDLE_PAGES)
            _record_refusals(row.crawl_id, {compute_pattern(url): pages for url, pages in counts.items()})


def record_omitted_pages(crawl_id: int) -> None:
    """Record the number of pages that a finished crawl omitted, including those discovered later."""
    _record_refusals(crawl_id, url_patterns.count_omitted(crawl_id, SKIP_REASON))


def _record_refusals(crawl_id: int, counts: Mapping[str, int]) -> None:
    rows = [
        crawling.make_refusal(crawl_id, pattern, SKIP_REASON, sentence_of(pattern, pages))
        for pattern, pages in counts.items()
    ]
    Refusal.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["crawl", "key", "reason"], update_fields=["sentence", "at"]
    )
