"""Test the turns of the pages of each URL pattern in a frontier, and which are skipped."""

import pytest
from django.db import transaction

from exhibit.network.addresses import url_key
from registry.crawls import crawling, patterns, schedules
from registry.crawls.crawling import NewUrl
from registry.models import Crawl, CrawlSlice, FrontierUrl, Owner
from tests.assets.rows import owner
from tests.assets.shop import watch
from tests.assets.watched import studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["studio"]

HOST = "http://shop.example/"


@pytest.fixture
def crawl(inline: SyncRunner, studio: Owner) -> Crawl:
    """A crawl with an empty frontier."""
    crawl = schedules.start_crawl(watch(studio, HOST).pk)
    assert crawl is not None
    crawl.frontier.all().delete()
    return crawl


def add(crawl: Crawl, *paths: str, depth: int = 1, kind: str = "page") -> int:
    """Add pages whose pattern is their folder, and return how many are new; top-level pages have no pattern."""
    new = [NewUrl(HOST + path, kind, depth, pattern=path.rpartition("/")[0]) for path in paths]
    with transaction.atomic():
        return crawling.add_urls(crawl.pk, new)


def turns(crawl: Crawl, folder: str) -> dict[str, int]:
    rows = crawl.frontier.filter(url__startswith=HOST + folder).values_list("url", "turn")
    return {url.removeprefix(HOST + folder): turn for url, turn in rows}


def planned(crawl: Crawl, most: int) -> list[str]:
    slice_ = crawling.plan_slice(crawl.pk, most_urls=most, most_hosts=5)
    assert slice_ is not None
    return [url.url.removeprefix(HOST) for url in crawling.leased_urls(slice_.pk)]


def visited(crawl: Crawl, shown: list[bool | None]) -> CrawlSlice:
    """Create a slice that visited the first pages of the pattern "day", each of which showed something new or not."""
    slice_ = CrawlSlice.objects.create(crawl=crawl, number=1)
    for new, row in zip(shown, crawl.frontier.filter(url__contains="day/").order_by("turn"), strict=False):
        row.state, row.shows_new, row.slice = FrontierUrl.State.DONE, new, slice_
        row.save()
    return slice_


def leave_out(of: CrawlSlice) -> dict[str, int]:
    with transaction.atomic():
        counts = patterns.leave_out(of, pages=5, idle=4)
    return {url.rpartition("/")[0].removeprefix(HOST): pages for url, pages in counts.items()}


def test_a_page_has_its_number_among_those_of_its_pattern_however_often_it_is_found(crawl: Crawl) -> None:
    add(crawl, "day/a", "day/b", "top", "item/a")
    add(crawl, "i.jpg", kind="image")
    assert add(crawl, "day/b", "day/c", "day/a", "day/d") == 2
    assert turns(crawl, "day/") == {"a": 1, "b": 2, "c": 3, "d": 4}
    assert (turns(crawl, "item/"), turns(crawl, "top"), turns(crawl, "i.jpg")) == ({"a": 1}, {"": 1}, {"": 0})
    other = schedules.start_crawl(watch(owner("another"), "http://news.example/").pk)
    assert other is not None
    add(other, "day/z")
    assert turns(other, "day/") == {"z": 1}


def test_pictures_come_first_then_the_first_pages_of_each_pattern(crawl: Crawl) -> None:
    add(crawl, *(f"day/{number}" for number in range(9)))
    add(crawl, "item/1", "item/2")
    add(crawl, "deep/1", depth=2)
    add(crawl, "i.jpg", kind="image")
    assert planned(crawl, 4) == ["i.jpg", "day/0", "item/1", "day/1"]


@pytest.mark.parametrize(
    ("shown", "left"),
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
def test_what_waits_of_a_pattern_is_left_out_once_its_last_pages_showed_nothing_new(
    crawl: Crawl, shown: list[bool | None], left: int
) -> None:
    add(crawl, *(f"day/{number}" for number in range(len(shown) + 3)), "item/1")
    assert leave_out(visited(crawl, shown)) == ({"day": left} if left else {})
    assert crawl.frontier.filter(state="left-out").count() == left
    assert turns(crawl, "item/") == {"1": 1}


def test_a_slice_judges_the_patterns_that_it_visited_and_leaves_out_what_it_did_not_come_to(crawl: Crawl) -> None:
    add(crawl, *(f"day/{number}" for number in range(9)))
    ended = visited(crawl, [False] * 5)
    assert leave_out(CrawlSlice.objects.create(crawl=crawl, number=2)) == {}
    crawl.frontier.filter(url=f"{HOST}day/5").update(state="leased", slice=ended)
    other = CrawlSlice.objects.create(crawl=crawl, number=3)
    crawl.frontier.filter(url=f"{HOST}day/6").update(state="leased", slice=other)
    assert leave_out(ended) == {"day": 3}
    assert crawl.frontier.get(state="leased").slice == other


def test_what_is_found_later_of_a_pattern_that_is_left_out_is_left_out_too_and_counted(crawl: Crawl) -> None:
    add(crawl, *(f"day/{number}" for number in range(9)))
    ended = visited(crawl, [False] * 5)
    assert leave_out(ended) == {"day": 4}
    assert add(crawl, "day/9", "day/a", "item/1") == 1
    crawl.refusals.create(key=url_key("day"), url="day", reason="repetitive", at=crawl.started_at)
    assert patterns.left_out(crawl.pk, "repetitive") == {"day": 6}
    assert planned(crawl, 10) == ["item/1"]
