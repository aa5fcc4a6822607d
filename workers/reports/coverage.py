"""What crawls visited, refused and failed to get, as reports state it."""

from collections import defaultdict
from collections.abc import Sequence

from django.db.models import Count

from evidence.documents.report.facts import CrawlCoverage, RefusalCount
from registry.crawls import canaries
from registry.models import Crawl, CrawlSlice, Refusal, Sighting


def coverage_of(crawls: Sequence[Crawl]) -> tuple[CrawlCoverage, ...]:
    """What each crawl visited, in the order given; asks the database as often for one as for thousands."""
    keys = [crawl.pk for crawl in crawls]
    received: dict[int, int] = defaultdict(int)
    for crawl, counts in CrawlSlice.objects.filter(crawl__in=keys).values_list("crawl", "counts"):
        received[crawl] += int(counts.get("bytes", 0))
    refused: dict[int, list[RefusalCount]] = defaultdict(list)
    rows = Refusal.objects.filter(crawl__in=keys).values_list("crawl", "reason")
    for key, reason, count in rows.annotate(count=Count("pk")).order_by("crawl", "reason"):
        refused[key].append(RefusalCount(reason, count))
    seen = Sighting.objects.filter(crawl__in=keys).values_list("crawl")
    pictures = dict(seen.annotate(count=Count("picture", distinct=True)).order_by())
    planted = canaries.results(crawls)
    return tuple(
        CrawlCoverage(
            source=crawl.sources[0]["url"],
            kind=crawl.sources[0]["kind"],
            started=crawl.started_at,
            finished=crawl.finished_at,
            pages=crawl.pages,
            pictures=pictures.get(crawl.pk, 0),
            bytes_received=received[crawl.pk],
            refused=tuple(refused[crawl.pk]),
            canaries=sum(canary.outcome is not canaries.Outcome.WAITING for canary in planted.get(crawl.pk, ())),
            ended=crawl.reason,
            further=tuple(source["url"] for source in crawl.sources[1:]),
            canaries_found=sum(canary.outcome is canaries.Outcome.FOUND for canary in planted.get(crawl.pk, ())),
        )
        for crawl in crawls
    )
