"""What crawls visited, refused and received, counted for many as for one."""

from exhibit.clock import now
from registry.models import Crawl, CrawlSlice, Refusal
from tests.assets.rows import bring, claimed_slice, owner, photograph
from workers.reports.coverage import coverage_of
from workers.tasks.sync_runner import SyncRunner


def test_each_crawl_is_told_in_its_place_with_what_it_refused(inline: SyncRunner) -> None:
    studio = owner("studio")
    part, epoch = claimed_slice(studio, "first")
    bring(inline.services, part, epoch, [photograph(1), photograph(2), photograph(1)])
    CrawlSlice.objects.update(counts={"bytes": 700})
    Crawl.objects.update(sources=[{"kind": "list", "url": "https://a.example/"}, {"kind": "list", "url": "b"}], pages=5)
    for number, reason in enumerate(("robots", "status", "robots")):
        Refusal.objects.create(crawl=part.crawl, key=bytes([number]), url="u", reason=reason, at=now())
    empty, _ = claimed_slice(studio, "second")
    told = coverage_of([empty.crawl, Crawl.objects.get(pk=part.crawl_id)])
    assert (told[0].pictures, told[0].bytes_received, told[0].refused) == (0, 0, ())
    assert (told[1].source, told[1].further, told[1].pages) == ("https://a.example/", ("b",), 5)
    assert (told[1].pictures, told[1].bytes_received, told[1].canaries) == (2, 700, 0)
    assert [(one.reason, one.count) for one in told[1].refused] == [("robots", 2), ("status", 1)]
