"""Test slices of crawls: their holder, their leased hosts, and their end."""

from datetime import timedelta

import pytest
from django.db.models import F

from exhibit.clock import now
from registry.crawls import crawling, schedules, watching
from registry.crawls.plan import plan_crawls
from registry.models import (
    CrawlSlice,
    FrontierUrl,
    HostLease,
    Sighting,
    Watch,
)
from tests.assets.rows import bring, claim, claimed_slice, owner, photograph
from tests.assets.shop import watch
from tests.assets.watched import NEWS, SHOP, shop, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["shop", "studio"]

LIFE = timedelta(minutes=10)


def test_what_is_deleted_while_it_runs_ends_and_what_it_saw_stays(inline: SyncRunner, shop: Watch) -> None:
    crawl = watching.start_now(shop)
    planned = crawling.plan_slice(crawl.pk, most_urls=10, most_hosts=5)
    assert planned is not None
    epoch = claim(planned)
    bring(inline.services, planned, epoch, [photograph(1)])
    watching.remove_watch(shop, by="Ann")
    assert crawling.is_stopped(planned.pk)
    crawling.finish_slice(planned.pk, epoch, counts={}, suspect=False, opening=lambda _row: {})
    plan_crawls(inline.services, [crawl.pk])
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason, crawl.pictures) == ("done", "stopped", 1)
    assert Sighting.objects.count() == 1


def test_a_place_that_is_removed_is_visited_no_more_and_what_was_seen_there_stays(
    inline: SyncRunner, shop: Watch
) -> None:
    watching.change_sources(shop, add=[NEWS], by="Ann")
    crawl = watching.start_now(shop)
    planned = crawling.plan_slice(crawl.pk, most_urls=1, most_hosts=1)
    assert planned is not None
    bring(inline.services, planned, claim(planned), [photograph(1)])
    watching.change_sources(shop, remove=[SHOP], by="Ann")
    assert crawling.plan_slice(crawl.pk, most_urls=10, most_hosts=5) is None
    assert crawling.is_stopped(planned.pk)
    assert Sighting.objects.count() == 1
    shop.refresh_from_db()
    assert [one["url"] for one in shop.sources] == [NEWS[1]]


def test_the_page_of_a_find_goes_before_all_that_is_new_however_deep_it_lies(shop: Watch) -> None:
    crawl = watching.start_now(shop)
    urls = [crawling.NewUrl(f"{SHOP[1]}new-{n}", "page", 1, pattern="new") for n in range(3)]
    find = crawling.NewUrl(f"{SHOP[1]}find", "page", 4, first=True)
    crawling.add_urls(crawl.pk, [*urls, find])
    planned = crawling.plan_slice(crawl.pk, most_urls=1, most_hosts=1)
    assert planned is not None
    assert [url.url for url in crawling.leased_urls(planned.pk)] == [find.url]


def test_an_overtaken_claimer_writes_nothing_more(inline: SyncRunner) -> None:
    studio = owner("studio")
    planned, epoch = claimed_slice(studio)
    assert crawling.still_holds(planned.pk, epoch)
    CrawlSlice.objects.update(claimed_at=F("claimed_at") - 2 * LIFE)
    later = claim(planned)
    assert later == epoch + 1
    assert not crawling.still_holds(planned.pk, epoch)
    with pytest.raises(AssertionError):
        bring(inline.services, planned, epoch, [photograph(1)])
    assert bring(inline.services, planned, later, [photograph(1)])


def test_a_host_is_leased_to_one_open_slice_however_long_it_waits(inline: SyncRunner) -> None:
    one, other = owner("one"), owner("other")
    first, second = (watch(of, f"http://shop.example/{of.slug}") for of in (one, other))
    crawls = [schedules.start_crawl(made.pk) for made in (first, second)]
    assert crawls[0] is not None
    assert crawls[1] is not None
    planned = crawling.plan_slice(crawls[0].pk, most_urls=10, most_hosts=10)
    assert planned is not None
    HostLease.objects.update(expires_at=now() - timedelta(days=1))
    assert crawling.plan_slice(crawls[1].pk, most_urls=10, most_hosts=10) is None
    crawling.finish_slice(planned.pk, claim(planned), counts={}, suspect=False, opening=lambda _row: {})
    assert crawling.plan_slice(crawls[1].pk, most_urls=10, most_hosts=10) is not None


def test_of_each_host_the_nearest_is_handed_out_and_what_was_begun_in_vain_alone_at_last(
    inline: SyncRunner, shop: Watch
) -> None:
    crawl = watching.start_now(shop)
    crawl.frontier.all().delete()
    deep = [crawling.NewUrl(f"http://{host}.example/{n}", "page", n % 2) for host in "ab" for n in range(6)]
    crawling.add_urls(crawl.pk, deep)
    crawl.frontier.filter(url="http://a.example/0").update(attempts=crawling.SUSPECT_FROM)

    def handed_out(most: int) -> set[str]:
        planned = crawling.plan_slice(crawl.pk, most_urls=most, most_hosts=5)
        assert planned is not None
        urls = {one.url for one in planned.urls.all()}
        crawling.mark_urls(planned, [bytes(one.key) for one in planned.urls.all()], FrontierUrl.State.REFUSED)
        crawling.finish_slice(planned.pk, claim(planned), counts={}, suspect=False, opening=lambda _row: {})
        return urls

    assert {url[:16] for url in handed_out(2)} == {"http://a.example", "http://b.example"}
    assert "http://a.example/0" not in handed_out(10)
    assert crawling.addresses(crawl.pk) == (5, 7)
    crawl.frontier.filter(host="b.example").delete()
    assert handed_out(10) == {"http://a.example/0"}
    assert handed_out(10) == {f"http://a.example/{n}" for n in (1, 3, 5)}
