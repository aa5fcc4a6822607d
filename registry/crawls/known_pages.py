"""Results of page visits, used by later runs to estimate how often pages change, and omissions by URL pattern."""

import hashlib
from collections.abc import Iterable, Mapping

from django.db import transaction

from crawler.formats.job import Kind
from crawler.formats.lines import PageLine, RefusalLine
from crawler.state.novelty import (
    MAX_IDLE_PAGES,
    MIN_PAGES,
    SKIP_REASON,
    compute_pattern,
    describe_skipped_pages as sentence_of,
)
from registry.crawls import crawling, page_changes, url_patterns, watch_settings
from registry.crawls.models import Crawl, Refusal
from registry.crawls.revisits import is_revisit_watch


def record_visits(crawl: Crawl, pages: Iterable[PageLine], refusals: Iterable[RefusalLine]) -> None:
    """Record visits to pages of a scheduled watch over sites, in the transaction that marks the pages as visited."""
    watch = crawl.watch
    if watch.private or watch_settings.is_list_watch(watch) or is_revisit_watch(watch):
        return
    visits = [
        page_changes.PageVisit(
            page.url,
            page.depth,
            _hash_content(page),
            page.fetched_at,
            page.final_url,
            page.fresh_seconds,
            *_get_validators(page),
        )
        for page in pages
        if page.kind is Kind.PAGE and page.fetched_at is not None
    ]
    page_changes.store_visits(
        watch.pk, crawl.number, visits, {line.url: line.reason for line in refusals if not line.page_url}
    )


def _get_validators(page: PageLine) -> tuple[str, str]:
    """Return a page's validators for conditional requests, or empty strings if "not modified" would not be conclusive.

    "Not modified" is not conclusive for sources, which may link to new sitemaps, for pages whose scripts load further
    content, and for pages with pictures that failed to load.
    """
    is_unreliable = page.depth == 0 or page.render_seconds or page.scripts_not_run
    may_succeed_later = (
        page_changes.RETRY_LATER.fullmatch(refusal.reason) or refusal.reason.startswith("http-")
        for refusal in page.refusals
    )
    if is_unreliable or any(may_succeed_later):
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
            pages = MAX_IDLE_PAGES if row.crawl.by_change else MIN_PAGES  # later runs visit few unknown pages
            counts = url_patterns.omit_patterns(row, min_pages=pages, idle_pages=MAX_IDLE_PAGES)
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
