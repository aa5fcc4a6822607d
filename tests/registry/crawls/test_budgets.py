"""Test the remaining budget of a crawl."""

from crawler.formats.job import RenderingCounts
from exhibit.clock import now
from registry.crawls.budgets import count_unrendered, get_remaining_budget, load_render_gains
from registry.models import Crawl, CrawlSlice, StepState
from tests.assets.clocks import YEAR
from tests.assets.rows import owner
from tests.assets.shop import create_watch
from workers.tasks.sync_runner import SyncRunner


def test_crawl_started_in_future_does_not_exceed_budget(inline: SyncRunner) -> None:
    new_watch = create_watch(owner("studio"), "http://127.0.0.7/", seconds=60)
    crawl = Crawl.objects.create(watch=new_watch, number=1, state=StepState.RUNNING, started_at=now() + YEAR)
    assert get_remaining_budget(crawl).seconds <= 60


def test_rendered_pages_are_deducted_from_budget(inline: SyncRunner) -> None:
    new_watch = create_watch(owner("studio"), "http://127.0.0.7/", render="auto", render_pages=10)
    crawl = Crawl.objects.create(watch=new_watch, number=1, state=StepState.RUNNING, started_at=now())
    assert (get_remaining_budget(crawl).render_pages, get_remaining_budget(crawl).render_seconds) == (10, 1_800)
    for number, counts in enumerate([{"rendered": 4, "render_seconds": 70.5}, {"pages": 3}, {}]):
        CrawlSlice.objects.create(crawl=crawl, number=number + 1, counts=counts)
    assert (
        get_remaining_budget(crawl).render_pages,
        get_remaining_budget(crawl).render_seconds,
        get_remaining_budget(crawl).end_reason,
    ) == (
        6,
        1_729.5,
        "",
    )
    CrawlSlice.objects.create(crawl=crawl, number=9, counts={"rendered": 40, "render_seconds": 9_000})
    assert (
        get_remaining_budget(crawl).render_pages,
        get_remaining_budget(crawl).render_seconds,
        get_remaining_budget(crawl).end_reason,
    ) == (
        0,
        0,
        "",
    )


def test_rendering_results_of_a_host_are_carried_to_later_slices_and_runs(inline: SyncRunner) -> None:
    new_watch = create_watch(owner("studio"), "http://127.0.0.7/", render="auto")

    def make_slice(run: int, **counts: object) -> Crawl:
        crawl, _ = Crawl.objects.get_or_create(watch=new_watch, number=run, defaults={"started_at": now()})
        CrawlSlice.objects.create(crawl=crawl, number=crawl.slices.count() + 1, counts=counts)
        return crawl

    vain, worth, little = {"pages": 5, "gained": 0}, {"pages": 4, "gained": 3}, {"pages": 9, "gained": 2}
    first = make_slice(1, rendered_of={"vain.example": vain, "worth.example": worth, "little.example": little})
    rendered_by_host = {"vain.example": RenderingCounts(pages=5), "worth.example": RenderingCounts(pages=4, gained=3)}
    assert load_render_gains(first) == {**rendered_by_host, "little.example": RenderingCounts(pages=9, gained=2)}
    second = make_slice(2, pages=3)
    rendered_by_host = {"vain.example": RenderingCounts(pages=2), "worth.example": RenderingCounts(pages=4, gained=3)}
    assert load_render_gains(second) == {**rendered_by_host, "little.example": RenderingCounts(pages=2)}, (
        "what brought little is tried again, too"
    )
    make_slice(2, rendered_of={"vain.example": {"pages": 1, "gained": 0}}, unrendered={"budget": 7})
    make_slice(2, unrendered={"budget": 1, "no-answer": 1})
    assert load_render_gains(second)["vain.example"] == RenderingCounts(pages=3), (
        "one page more was tried, and no other is"
    )
    assert count_unrendered(second) == {"budget": 8, "no-answer": 1}
    eighth = load_render_gains(make_slice(8))
    assert eighth["vain.example"] == eighth["little.example"] == RenderingCounts(), "now and then all are tried again"
