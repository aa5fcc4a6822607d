"""Test URLs imported from lists: each stored once, with the list position, in a crawl that stays open."""

import pytest
from django.db import transaction

from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
from registry.crawls import crawling, url_lists, watch_settings
from registry.crawls.crawling import NewUrl
from registry.crawls.planning import plan_crawls
from registry.models import AddressList, Crawl, FrontierUrl, Owner, Watch
from tests.assets.rows import owner
from tests.assets.shop import create_watch
from workers.tasks.sync_runner import SyncRunner


def make_urls(*numbers: int) -> dict[bytes, NewUrl]:
    new_urls = [NewUrl(f"http://s{n % 3}.example/{n}.jpg", "image", 0, "", "a \0caption") for n in numbers]
    return {new_url.key: new_url for new_url in new_urls}


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


@pytest.fixture
def list_watch(studio: Owner) -> Watch:
    return url_lists.get_or_create_watch(studio, "lists", by="Ann")


def test_list_watch_is_public_unscheduled_and_follows_no_links(studio: Owner, list_watch: Watch) -> None:
    assert watch_settings.is_list_watch(list_watch)
    assert (list_watch.private, list_watch.next_run_at, list_watch.budget) == (False, None, {"depth": 0})
    assert url_lists.get_or_create_watch(studio, "lists", by="Ann") == list_watch
    create_watch(studio, "http://a.example/", "shop")
    with pytest.raises(InvalidRequestError):
        url_lists.get_or_create_watch(studio, "shop", by="Ann")
    with pytest.raises(InvalidRequestError):
        watch_settings.start_crawl_now(list_watch)
    watch_settings.change_watch(
        list_watch, every=watch_settings.MAX_INTERVAL, budget={"pages": 9}, politeness={}, by="Ann"
    )
    list_watch.refresh_from_db()
    assert (list_watch.next_run_at, list_watch.budget) == (None, {"depth": 0, "pages": 9})


def test_urls_are_stored_once_and_duplicates_are_reported(list_watch: Watch) -> None:
    row, _ = url_lists.start_list(list_watch, "/a.csv", "all", "10 1")
    assert url_lists.add_list_urls(row, make_urls(1, 2, 3), [("scheme", "a\0b"), ("scheme", "c")], 5) == [
        ("scheme", "a\0b"),
        ("scheme", "c"),
    ]
    out = url_lists.add_list_urls(row, make_urls(3, 4), [], 2)
    assert out == [("known", "http://s0.example/3.jpg")]
    row = AddressList.objects.get()
    assert (row.lines, row.kept) == (7, 4)
    assert row.skipped == {"scheme": [2, ["a\ufffdb", "c"]], "known": [1, ["http://s0.example/3.jpg"]]}
    assert FrontierUrl.objects.filter(state="pending", kind="image", context="a \ufffdcaption").count() == 4
    assert Crawl.objects.get().state == "running"


def test_skipped_url_examples_are_limited(list_watch: Watch) -> None:
    row = AddressList(path="/a.csv")
    url_lists.count_lines(row, 0, [("host", f"http://a.example/{n}" + "x" * 999) for n in (0, 0, *range(7))], 9)
    url_lists.count_lines(row, 0, [("host", "later")], 1)
    count, examples = row.skipped["host"]
    assert count == 10
    assert [len(example) for example in examples] == [url_lists.MAX_EXAMPLE_LENGTH] * url_lists.MAX_EXAMPLES
    assert len(set(examples)) == url_lists.MAX_EXAMPLES


def test_concurrent_reading_of_list_is_rejected(list_watch: Watch) -> None:
    own_list, _ = url_lists.start_list(list_watch, "/a.csv", "all", "10 1")
    other_list, _ = url_lists.start_list(list_watch, "/a.csv", "all", "10 1")
    url_lists.add_list_urls(other_list, make_urls(1), [], 1)
    with pytest.raises(ConflictError):
        url_lists.add_list_urls(own_list, make_urls(2), [], 1)
    assert FrontierUrl.objects.count() == 1


def test_changed_list_is_read_again_and_filters_are_read_separately(
    list_watch: Watch,
) -> None:
    row, changed = url_lists.start_list(list_watch, "/a.csv", "all", "10 1")
    url_lists.add_list_urls(row, make_urls(1, 2), [], 2)
    row.whole = True
    row.save()
    second_list, changed = url_lists.start_list(list_watch, "/a.csv", "all", "10 1")
    assert (second_list.lines, second_list.whole, changed) == (2, True, False)
    other, changed = url_lists.start_list(list_watch, "/a.csv", "only b.example", "10 1")
    assert (other.lines, other.whole, changed) == (0, False, False)
    later, changed = url_lists.start_list(list_watch, "/a.csv", "all", "12 2")
    assert (later.lines, later.kept, later.whole, changed) == (0, 0, False, True)
    assert url_lists.add_list_urls(later, make_urls(1, 2, 5), [], 3) == [
        (url_lists.ALREADY_KNOWN, url.url) for url in make_urls(1, 2).values()
    ]


def test_list_continues_in_new_crawl_and_waits_for_stopping_crawl(inline: SyncRunner, list_watch: Watch) -> None:
    row, _ = url_lists.start_list(list_watch, "/a.csv", "all", "10 1")
    url_lists.add_list_urls(row, make_urls(1), [], 1)
    crawl = Crawl.objects.get()
    assert watch_settings.start_crawl_now(list_watch) == crawl
    crawling.stop_crawl(crawl.pk)
    with pytest.raises(ConflictError):
        url_lists.add_list_urls(row, make_urls(2), [], 1)
    plan_crawls(inline.services, [crawl.pk])
    url_lists.add_list_urls(row, make_urls(2), [], 1)
    assert sorted(Crawl.objects.values_list("number", "state")) == [(1, "done"), (2, "running")]
    watch_settings.remove_watch(list_watch, by="Ann")
    with pytest.raises(NotFoundError):
        url_lists.add_list_urls(row, make_urls(3), [], 1)


def test_list_urls_are_planned_like_other_urls(inline: SyncRunner, list_watch: Watch) -> None:
    row, _ = url_lists.start_list(list_watch, "/a.csv", "all", "10 1")
    url_lists.add_list_urls(row, make_urls(*range(30)), [], 30)
    crawl_slice = crawling.plan_slice(row.watch.crawls.get().pk, max_urls=10, max_hosts=2)
    assert crawl_slice is not None
    hosts = [url.host for url in crawl_slice.urls.all()]
    assert sorted(hosts) == ["s0.example"] * 5 + ["s1.example"] * 5
    with transaction.atomic():
        assert crawling.count_urls(crawl_slice.crawl_id) == (0, 30)
        crawling.mark_urls(crawl_slice, [bytes(url.key) for url in crawl_slice.urls.all()], FrontierUrl.State.REFUSED)
