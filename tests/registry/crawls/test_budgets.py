"""Test the remaining budget of a crawl."""

from crawler.formats.job import Rendered
from exhibit.clock import now
from registry.crawls.budgets import count_unrendered, get_remaining, load_render_gains
from registry.models import Crawl, CrawlSlice, StepState
from tests.assets.clocks import YEAR
from tests.assets.rows import owner
from tests.assets.shop import create_watch
from workers.tasks.sync_runner import SyncRunner


def test_a_crawl_begun_by_a_clock_ahead_has_no_more_time_than_its_budget(inline: SyncRunner) -> None:
    new_watch = create_watch(owner("studio"), "http://127.0.0.7/", seconds=60)
    crawl = Crawl.objects.create(watch=new_watch, number=1, state=StepState.DOING, started_at=now() + YEAR)
    assert get_remaining(crawl).seconds <= 60


def test_what_slices_have_rendered_is_taken_from_the_crawls_budget(inline: SyncRunner) -> None:
    new_watch = create_watch(owner("studio"), "http://127.0.0.7/", render="auto", render_pages=10)
    crawl = Crawl.objects.create(watch=new_watch, number=1, state=StepState.DOING, started_at=now())
    assert (get_remaining(crawl).render_pages, get_remaining(crawl).render_seconds) == (10, 1_800)
    for number, counts in enumerate([{"rendered": 4, "render_seconds": 70.5}, {"pages": 3}, {}]):
        CrawlSlice.objects.create(crawl=crawl, number=number + 1, counts=counts)
    assert (get_remaining(crawl).render_pages, get_remaining(crawl).render_seconds, get_remaining(crawl).spent) == (
        6,
        1_729.5,
        "",
    )
    CrawlSlice.objects.create(crawl=crawl, number=9, counts={"rendered": 40, "render_seconds": 9_000})
    assert (get_remaining(crawl).render_pages, get_remaining(crawl).render_seconds, get_remaining(crawl).spent) == (
        0,
        0,
        "",
    )


def test_what_rendering_brought_at_a_host_decides_in_later_slices_and_runs(inline: SyncRunner) -> None:
    new_watch = create_watch(owner("studio"), "http://127.0.0.7/", render="auto")

    def make_slice(run: int, **counts: object) -> Crawl:
        crawl, _ = Crawl.objects.get_or_create(watch=new_watch, number=run, defaults={"started_at": now()})
        CrawlSlice.objects.create(crawl=crawl, number=crawl.slices.count() + 1, counts=counts)
        return crawl

    vain, worth, little = {"pages": 5, "gained": 0}, {"pages": 4, "gained": 3}, {"pages": 9, "gained": 2}
    first = make_slice(1, rendered_of={"vain.example": vain, "worth.example": worth, "little.example": little})
    rendered_by_host = {"vain.example": Rendered(pages=5), "worth.example": Rendered(pages=4, gained=3)}
    assert load_render_gains(first) == {**rendered_by_host, "little.example": Rendered(pages=9, gained=2)}
    second = make_slice(2, pages=3)
    rendered_by_host = {"vain.example": Rendered(pages=2), "worth.example": Rendered(pages=4, gained=3)}
    assert load_render_gains(second) == {**rendered_by_host, "little.example": Rendered(pages=2)}, (
        "what brought little is tried again, too"
    )
    make_slice(2, rendered_of={"vain.example": {"pages": 1, "gained": 0}}, unrendered={"budget": 7})
    make_slice(2, unrendered={"budget": 1, "no-answer": 1})
    assert load_render_gains(second)["vain.example"] == Rendered(pages=3), "one page more was tried, and no other is"
    assert count_unrendered(second) == {"budget": 8, "no-answer": 1}
    eighth = load_render_gains(make_slice(8))
    assert eighth["vain.example"] == eighth["little.example"] == Rendered(), "now and then all are tried again"
