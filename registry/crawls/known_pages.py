"""What the visits of a watch tell of its pages: what each showed, by which later runs know how often it changes.

And what a crawl leaves out because pages of one pattern show nothing new.
"""

import hashlib
from collections.abc import Iterable, Mapping

from django.db import transaction

from crawler.formats.job import Kind
from crawler.formats.lines import PageLine, RefusalLine
from crawler.state.novelty import LEFT_OUT, MAX_IDLE, MIN_PAGES, left_out as sentence_of, pattern_of
from registry.crawls import changes, crawling, patterns, watching
from registry.crawls.models import Crawl, Refusal
from registry.crawls.revisits import is_past


def keep(crawl: Crawl, pages: Iterable[PageLine], refused: Iterable[RefusalLine]) -> None:
    """Remember pages of a watch that visits sites by a schedule. Inside the transaction that marks them as visited."""
    watch = crawl.watch
    if watch.private or watching.takes_lists(watch) or is_past(watch):
        return
    visits = [
        changes.Visited(
            page.url, page.depth, _shown(page), page.fetched_at, page.final_url, page.fresh_seconds, *_validators(page)
        )
        for page in pages
        if page.kind is Kind.PAGE and page.fetched_at is not None
    ]
    changes.keep(watch.pk, crawl.number, visits, {line.url: line.reason for line in refused if not line.page_url})


def _validators(page: PageLine) -> tuple[str, str]:
    """What asks the server whether a page has changed; nothing where its answer alone wouldn't tell.

    The source leads to sitemaps, scripts ask for more than the page, and a picture that didn't come may come yet.
    """
    depends = page.depth == 0 or page.render_seconds or page.scripts_not_run
    may_come = (changes.LATER.fullmatch(one.reason) or one.reason.startswith("http-") for one in page.refusals)
    if depends or any(may_come):
        return "", ""
    return page.etag, page.last_modified


def _shown(page: PageLine) -> bytes:
    """A digest of the pictures and words that a page showed; empty when the server said that nothing has changed."""
    shown = sorted({sighting.digest.hex for sighting in page.sightings} | {page.text})
    return b"" if page.not_modified else hashlib.blake2b("\n".join(shown).encode(), digest_size=16).digest()


def leave_out(slice_id: int, epoch: int) -> None:
    """Leave out the patterns of which a slice that is about to end has seen enough, if it is still this claimer's."""
    with transaction.atomic():
        if row := crawling.hold_slice(slice_id, epoch):
            pages = MAX_IDLE if row.crawl.by_change else MIN_PAGES  # what isn't known is rare in a later run
            counts = patterns.leave_out(row, pages=pages, idle=MAX_IDLE)
            _tell(row.crawl_id, {pattern_of(url): pages for url, pages in counts.items()})


def count_left_out(crawl_id: int) -> None:
    """Say of a crawl that has ended how many pages were left out, with those that were found later."""
    _tell(crawl_id, patterns.left_out(crawl_id, LEFT_OUT))


def _tell(crawl_id: int, counts: Mapping[str, int]) -> None:
    rows = [
        crawling.refusal(crawl_id, pattern, LEFT_OUT, sentence_of(pattern, pages)) for pattern, pages in counts.items()
    ]
    Refusal.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["crawl", "key", "reason"], update_fields=["sentence", "at"]
    )
