"""Results of page visits, from which later runs learn how often pages change, and pages omitted by URL pattern."""

import hashlib
from collections.abc import Iterable, Mapping

from django.db import transaction

from crawler.formats.job import Kind
from crawler.formats.lines import PageLine, RefusalLine
from crawler.state.novelty import LEFT_OUT, MAX_IDLE, MIN_PAGES, left_out as sentence_of, pattern_of
from registry.crawls import crawling, page_changes, url_patterns, watch_settings
from registry.crawls.models import Crawl, Refusal
from registry.crawls.revisits import is_past


def record_visits(crawl: Crawl, pages: Iterable[PageLine], refused: Iterable[RefusalLine]) -> None:
    """Record visits to pages of a scheduled watch over sites, in the transaction that marks the pages as visited."""
    watch = crawl.watch
    if watch.private or watch_settings.is_list_watch(watch) or is_past(watch):
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
        watch.pk, crawl.number, visits, {line.url: line.reason for line in refused if not line.page_url}
    )


def _get_validators(page: PageLine) -> tuple[str, str]:
    """Return a page's validators for conditional requests; empty if "not modified" would not be conclusive.

    Sources lead to sitemaps, scripts load more than the page, and pictures that failed to load may be available later.
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
    """Return a digest of the page's pictures and words; empty if the server answered that nothing has changed."""
    contents = sorted({sighting.digest.hex for sighting in page.sightings} | {page.text})
    return b"" if page.not_modified else hashlib.blake2b("\n".join(contents).encode(), digest_size=16).digest()


def omit_patterns(slice_id: int, epoch: int) -> None:
    """Omit URL patterns of which a slice that is about to end has seen enough, if it is still claimed."""
    with transaction.atomic():
        if row := crawling.lock_slice(slice_id, epoch):
            pages = MAX_IDLE if row.crawl.by_change else MIN_PAGES  # later runs see few unknown pages
            counts = url_patterns.omit_patterns(row, pages=pages, idle=MAX_IDLE)
            _record_refusals(row.crawl_id, {pattern_of(url): pages for url, pages in counts.items()})


def record_omitted(crawl_id: int) -> None:
    """Record how many pages of a finished crawl were omitted, including those discovered later."""
    _record_refusals(crawl_id, url_patterns.count_omitted(crawl_id, LEFT_OUT))


def _record_refusals(crawl_id: int, counts: Mapping[str, int]) -> None:
    rows = [
        crawling.make_refusal(crawl_id, pattern, LEFT_OUT, sentence_of(pattern, pages))
        for pattern, pages in counts.items()
    ]
    Refusal.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["crawl", "key", "reason"], update_fields=["sentence", "at"]
    )
