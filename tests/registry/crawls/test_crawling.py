"""Test slices of crawls: their claims, their leased hosts, and their end."""

from datetime import timedelta

import pytest
from django.db.models import F

from exhibit.clock import now
from registry.crawls import crawling, schedules, watch_settings
from registry.crawls.planning import plan_crawls
from registry.models import (
    CrawlSlice,
    FrontierUrl,
    HostLease,
    Sighting,
    Watch,
)
from tests.assets.rows import claim, claim_new_slice, owner, photograph, record_sightings
from tests.assets.shop import create_watch
from tests.assets.shop_watch import NEWS, SHOP, shop, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["shop", "studio"]

CLAIM_LIFETIME = timedelta(minutes=10)


def test_removed_watch_stops_its_crawl_and_keeps_sightings(inline: SyncRunner, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    crawl_slice = crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5)
    assert crawl_slice is not None
    epoch = claim(crawl_slice)
    record_sightings(inline.services, crawl_slice, epoch, [photograph(1)])
    watch_settings.remove_watch(shop, by="Ann")
    assert crawling.is_stopped(crawl_slice.pk)
    crawling.finish_slice(crawl_slice.pk, epoch, counts={}, suspect=False, build_log_data=lambda _row: {})
    plan_crawls(inline.services, [crawl.pk])
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason, crawl.pictures) == ("done", "stopped", 1)
    assert Sighting.objects.count() == 1


def test_removed_source_stops_its_crawl_slice_and_keeps_sightings(inline: SyncRunner, shop: Watch) -> None:
    watch_settings.change_sources(shop, add=[NEWS], by="Ann")
    crawl = watch_settings.start_crawl_now(shop)
    crawl_slice = crawling.plan_slice(crawl.pk, max_urls=1, max_hosts=1)
    assert crawl_slice is not None
    record_sightings(inline.services, crawl_slice, claim(crawl_slice), [photograph(1)])
    watch_settings.change_sources(shop, remove=[SHOP], by="Ann")
    assert crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5) is None
    assert crawling.is_stopped(crawl_slice.pk)
    assert Sighting.objects.count() == 1
    shop.refresh_from_db()
    assert [source["url"] for source in shop.sources] == [NEWS[1]]


def test_page_of_an_earlier_match_precedes_new_pages_at_any_depth(shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    urls = [crawling.NewUrl(f"{SHOP[1]}new-{n}", "page", 1, pattern="new") for n in range(3)]
    find = crawling.NewUrl(f"{SHOP[1]}find", "page", 4, is_first=True)
    crawling.add_urls(crawl.pk, [*urls, find])
    crawl_slice = crawling.plan_slice(crawl.pk, max_urls=1, max_hosts=1)
    assert crawl_slice is not None
    assert [url.url for url in crawling.list_leased_urls(crawl_slice.pk)] == [find.url]


def test_crawl_slice_with_a_lost_claim_cannot_store_sightings(inline: SyncRunner) -> None:
    studio = owner("studio")
    crawl_slice, epoch = claim_new_slice(studio)
    assert crawling.renew_claim(crawl_slice.pk, epoch)
    CrawlSlice.objects.update(claimed_at=F("claimed_at") - 2 * CLAIM_LIFETIME)
    later = claim(crawl_slice)
    assert later == epoch + 1
    assert not crawling.renew_claim(crawl_slice.pk, epoch)
    with pytest.raises(AssertionError):
        record_sightings(inline.services, crawl_slice, epoch, [photograph(1)])
    assert record_sightings(inline.services, crawl_slice, later, [photograph(1)])


def test_host_is_leased_to_one_open_crawl_slice(inline: SyncRunner) -> None:
    first_owner, other = owner("one"), owner("other")
    first, second = (
        create_watch(rights_holder, f"http://shop.example/{rights_holder.slug}")
        for rights_holder in (first_owner, other)
    )
    crawls = [schedules.start_crawl(new_watch.pk) for new_watch in (first, second)]
    assert crawls[0] is not None
    assert crawls[1] is not None
    crawl_slice = crawling.plan_slice(crawls[0].pk, max_urls=10, max_hosts=10)
    assert crawl_slice is not None
    HostLease.objects.update(expires_at=now() - timedelta(days=1))
    assert crawling.plan_slice(crawls[1].pk, max_urls=10, max_hosts=10) is None
    crawling.finish_slice(crawl_slice.pk, claim(crawl_slice), counts={}, suspect=False, build_log_data=lambda _row: {})
    assert crawling.plan_slice(crawls[1].pk, max_urls=10, max_hosts=10) is not None


def test_urls_of_low_depth_are_leased_first_and_repeatedly_failing_urls_alone(inline: SyncRunner, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    crawl.frontier.all().delete()
    deep = [crawling.NewUrl(f"http://{host}.example/{n}", "page", n % 2) for host in "ab" for n in range(6)]
    crawling.add_urls(crawl.pk, deep)
    crawl.frontier.filter(url="http://a.example/0").update(attempts=crawling.MIN_SUSPECT_ATTEMPTS)

    def hand_out(limit: int) -> set[str]:
        crawl_slice = crawling.plan_slice(crawl.pk, max_urls=limit, max_hosts=5)
        assert crawl_slice is not None
        urls = {row.url for row in crawl_slice.urls.all()}
        crawling.mark_urls(crawl_slice, [bytes(row.key) for row in crawl_slice.urls.all()], FrontierUrl.State.REFUSED)
        crawling.finish_slice(
            crawl_slice.pk, claim(crawl_slice), counts={}, suspect=False, build_log_data=lambda _row: {}
        )
        return urls

    assert {url[:16] for url in hand_out(2)} == {"http://a.example", "http://b.example"}
    assert "http://a.example/0" not in hand_out(10)
    assert crawling.count_urls(crawl.pk) == (5, 7)
    crawl.frontier.filter(host="b.example").delete()
    assert hand_out(10) == {"http://a.example/0"}
    assert hand_out(10) == {f"http://a.example/{n}" for n in (1, 3, 5)}
