"""What is left of the budget of a crawl."""

from exhibit.clock import now
from registry.crawls.budgets import left
from registry.models import Crawl, CrawlSlice, StepState
from tests.assets.clocks import YEAR
from tests.assets.rows import owner
from tests.assets.shop import watch
from workers.tasks.sync_runner import SyncRunner


def test_a_crawl_begun_by_a_clock_ahead_has_no_more_time_than_its_budget(inline: SyncRunner) -> None:
    made = watch(owner("studio"), "http://127.0.0.7/", seconds=60)
    crawl = Crawl.objects.create(watch=made, number=1, state=StepState.DOING, started_at=now() + YEAR)
    assert left(crawl).seconds <= 60


def test_what_slices_have_rendered_is_taken_from_the_crawls_budget(inline: SyncRunner) -> None:
    made = watch(owner("studio"), "http://127.0.0.7/", render="auto", render_pages=10)
    crawl = Crawl.objects.create(watch=made, number=1, state=StepState.DOING, started_at=now())
    assert (left(crawl).render_pages, left(crawl).render_seconds) == (10, 1_800)
    for number, counts in enumerate([{"rendered": 4, "render_seconds": 70.5}, {"pages": 3}, {}]):
        CrawlSlice.objects.create(crawl=crawl, number=number + 1, counts=counts)
    assert (left(crawl).render_pages, left(crawl).render_seconds, left(crawl).spent) == (6, 1_729.5, "")
    CrawlSlice.objects.create(crawl=crawl, number=9, counts={"rendered": 40, "render_seconds": 9_000})
    assert (left(crawl).render_pages, left(crawl).render_seconds, left(crawl).spent) == (0, 0, "")
