"""Test the order of pages of each URL pattern in a frontier, and which pages are skipped."""

import pytest
from django.db import transaction

from exhibit.network.addresses import compute_url_key
from registry.crawls import crawling, schedules, url_patterns
from registry.crawls.crawling import NewUrl
from registry.models import Crawl, CrawlSlice, FrontierUrl, Owner
from tests.assets.rows import owner
from tests.assets.shop import create_watch
from tests.assets.shop_watch import studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]

HOST = "http://shop.example/"


@pytest.fixture
def crawl(inline: SyncRunner, studio: Owner) -> Crawl:
    """A crawl with an empty frontier."""
    crawl = schedules.start_crawl(create_watch(studio, HOST).pk)
    assert crawl is not None
    crawl.frontier.all().delete()
    return crawl


def add_urls(crawl: Crawl, *paths: str, depth: int = 1, kind: str = "page") -> int:
    """Add pages whose pattern is their folder, and return how many are new; top-level pages have no pattern."""
    new = [NewUrl(HOST + path, kind, depth, pattern=path.rpartition("/")[0]) for path in paths]
    with transaction.atomic():
        return crawling.add_urls(crawl.pk, new)


def list_turns(crawl: Crawl, folder: str) -> dict[str, int]:
    rows = crawl.frontier.filter(url__startswith=HOST + folder).values_list("url", "turn")
    return {url.removeprefix(HOST + folder): turn for url, turn in rows}


def plan_urls(crawl: Crawl, limit: int) -> list[str]:
    slice_ = crawling.plan_slice(crawl.pk, max_urls=limit, max_hosts=5)
    assert slice_ is not None
    return [url.url.removeprefix(HOST) for url in crawling.list_leased_urls(slice_.pk)]


def record_visits(crawl: Crawl, changes: list[bool | None]) -> CrawlSlice:
    """Create a slice that visited the first pages of the pattern "day"; ``changes`` states which had new content."""
    slice_ = CrawlSlice.objects.create(crawl=crawl, number=1)
    for new, row in zip(changes, crawl.frontier.filter(url__contains="day/").order_by("turn"), strict=False):
        row.state, row.shows_new, row.slice = FrontierUrl.State.DONE, new, slice_
        row.save()
    return slice_


def omit_and_count(of: CrawlSlice) -> dict[str, int]:
    with transaction.atomic():
        counts = url_patterns.omit_patterns(of, min_pages=5, idle_pages=4)
    return {url.rpartition("/")[0].removeprefix(HOST): pages for url, pages in counts.items()}


def test_page_found_again_keeps_its_number_in_the_url_pattern(crawl: Crawl) -> None:
    add_urls(crawl, "day/a", "day/b", "top", "item/a")
    add_urls(crawl, "i.jpg", kind="image")
    assert add_urls(crawl, "day/b", "day/c", "day/a", "day/d") == 2
    assert list_turns(crawl, "day/") == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert (list_turns(crawl, "item/"), list_turns(crawl, "top"), list_turns(crawl, "i.jpg")) == (
        {"a": 1},
        {"": 1},
        {"": 0},
    )
    other = schedules.start_crawl(create_watch(owner("another"), "http://news.example/").pk)
    assert other is not None
    add_urls(other, "day/z")
    assert list_turns(other, "day/") == {"z": 1}


def test_pictures_come_before_the_first_pages_of_each_url_pattern(crawl: Crawl) -> None:
    add_urls(crawl, *(f"day/{number}" for number in range(9)))
    add_urls(crawl, "item/1", "item/2")
    add_urls(crawl, "deep/1", depth=2)
    add_urls(crawl, "i.jpg", kind="image")
    assert plan_urls(crawl, 4) == ["i.jpg", "day/0", "item/1", "day/1"]


@pytest.mark.parametrize(
    ("changes", "remaining"),
    [
        ([True] * 4, 0),
        ([True, False, False, False], 0),
        ([False, True, False, False, False], 0),
        ([True, True, True, False, False, False, False], 3),
        ([False] * 5, 3),
        ([True, True, True, True, False, False, False, None], 0),
        ([False] * 4, 0),
    ],
)
def test_url_pattern_is_skipped_after_pages_without_new_content(
    crawl: Crawl, changes: list[bool | None], remaining: int
) -> None:
    add_urls(crawl, *(f"day/{number}" for number in range(len(changes) + 3)), "item/1")
    assert omit_and_count(record_visits(crawl, changes)) == ({"day": remaining} if remaining else {})
    assert crawl.frontier.filter(state="left-out").count() == remaining
    assert list_turns(crawl, "item/") == {"1": 1}


def test_crawl_slice_skips_only_url_patterns_that_it_visited(crawl: Crawl) -> None:
    add_urls(crawl, *(f"day/{number}" for number in range(9)))
    ended = record_visits(crawl, [False] * 5)
    assert omit_and_count(CrawlSlice.objects.create(crawl=crawl, number=2)) == {}
    crawl.frontier.filter(url=f"{HOST}day/5").update(state="leased", slice=ended)
    other = CrawlSlice.objects.create(crawl=crawl, number=3)
    crawl.frontier.filter(url=f"{HOST}day/6").update(state="leased", slice=other)
    assert omit_and_count(ended) == {"day": 3}
    assert crawl.frontier.get(state="leased").slice == other


def test_later_urls_of_a_skipped_pattern_are_skipped_and_counted(crawl: Crawl) -> None:
    add_urls(crawl, *(f"day/{number}" for number in range(9)))
    ended = record_visits(crawl, [False] * 5)
    assert omit_and_count(ended) == {"day": 4}
    assert add_urls(crawl, "day/9", "day/a", "item/1") == 1
    crawl.refusals.create(key=compute_url_key("day"), url="day", reason="repetitive", at=crawl.started_at)
    assert url_patterns.count_omitted(crawl.pk, "repetitive") == {"day": 6}
    assert plan_urls(crawl, 10) == ["item/1"]
