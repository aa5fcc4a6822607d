"""What a crawl leaves out because pages of one pattern show nothing new, and that it says so."""

from collections.abc import Mapping

from django.db import transaction

from crawler.state.novelty import LEFT_OUT, MAX_IDLE, MIN_PAGES, left_out as sentence_of, pattern_of
from registry.crawls import crawling
from registry.frontier import patterns
from registry.models import Refusal


def leave_out(slice_id: int, epoch: int) -> None:
    """Leave out the patterns of which a slice that is about to end has seen enough, if it is still this claimer's."""
    with transaction.atomic():
        if row := crawling.hold_slice(slice_id, epoch):
            counts = patterns.leave_out(row, pages=MIN_PAGES, idle=MAX_IDLE)
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
