"""Test a crawl slice in a child process that may be killed."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from exhibit.browser.program import find_browser
from exhibit.clock import now
from exhibit.network.addresses import compute_url_key
from registry.crawls import crawling
from registry.crawls.planning import plan_crawls
from registry.models import (
    Crawl,
    CrawlSlice,
    FrontierUrl,
    HostLease,
    Refusal,
    Sighting,
    StepState,
)
from tests.assets.crawling import ForkedCrawl
from tests.assets.rows import owner, photograph
from tests.assets.scripted_pages import GALLERY, page
from tests.assets.shop import LOOPBACK, Shop, create_watch
from tests.assets.site import Answer, ReceivedRequest, Site
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def shop(inline: SyncRunner) -> Iterator[Shop]:
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Site(host="127.0.0.10") as site:
        shop = Shop(site)
        for number in range(4):
            shop.image(f"/{number}.jpg", photograph(number))
            shop.page(f"/{number}", f"/{number}.jpg")
        yield shop


def kill_crawler(_: ReceivedRequest) -> Answer:
    """Serve a page that kills the crawler."""
    for pid in ForkedCrawl.running:
        os.kill(pid, signal.SIGKILL)
    return Answer(b"")


@pytest.mark.long
def test_page_that_kills_crawler_is_abandoned_without_losing_others(inline: SyncRunner, shop: Shop) -> None:
    shop.site.routes["/2"] = kill_crawler
    create_watch(owner("studio"), shop.url("/0"))
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    refusal = Refusal.objects.get()
    assert (refusal.url, refusal.reason) == (shop.url("/2"), "broke-off")
    assert FrontierUrl.objects.get(state="refused").url == shop.url("/2")
    image_urls = set(Sighting.objects.values_list("image_url", flat=True))
    assert image_urls == {shop.url(f"/{number}.jpg") for number in (0, 1, 3)}
    assert not HostLease.objects.exclude(slice=None).exists()


@pytest.mark.long
def test_rendering_watch_finds_scripted_pictures_within_budget(inline: SyncRunner, shop: Shop) -> None:
    pytest.importorskip("playwright", reason="the optional component capture isn't installed")
    if find_browser("").path is None:
        pytest.skip(find_browser("").sentence)
    page(shop.site, "/gallery.html", '<a href="/1">further</a>', GALLERY)
    shop.serve("/gallery.json", b"[1, 2]", "application/json")
    for number in (1, 2):
        shop.image(f"/gallery/{number}", photograph(90 + number))
    inline.services.config = replace(inline.services.config, capture_browser="")
    create_watch(owner("studio"), shop.url("/gallery.html"), render="always", render_pages=1)
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    sources = dict(Sighting.objects.values_list("image_url", "found_in"))
    assert sources == {
        shop.url("/gallery/1"): "rendered",
        shop.url("/gallery/2"): "rendered",
        shop.url("/1.jpg"): "img",
    }
    counts = list(CrawlSlice.objects.order_by("number").values_list("counts", flat=True))
    assert sum(row["rendered"] for row in counts) == 1
    assert sum(row["gained"] for row in counts) == 2
    assert sum(row["unrendered"].get("budget", 0) for row in counts) >= 1


@pytest.mark.long
def test_endless_calendar_is_skipped_and_reported(inline: SyncRunner, shop: Shop) -> None:
    """Test more months than the budget has pages, each with links to all, listed before the goods."""
    months = [f"/calendar/{number // 12}/{number % 12}" for number in range(120)]
    goods = [f"/goods/{number}" for number in range(30)]
    links = "".join(f'<a href="{path}">x</a>' for path in [*months, *goods])
    shop.site.page("/", links)
    for number, path in enumerate(months):
        shop.site.page(path, f"<p>Month {number}</p><img src=/0.jpg>")
    for number, path in enumerate(goods):
        shop.site.page(path, f"<img src=/goods/{number}.jpg>")
        shop.site.image(f"/goods/{number}.jpg", number)
    create_watch(owner("studio"), shop.url("/"), pages=90)
    inline.run_until_idle()
    crawl = Crawl.objects.get()
    assert crawl.reason == "finished"
    goods_page_count = Sighting.objects.filter(page_url__contains="/goods/").values("page_url").distinct().count()
    assert goods_page_count == 30
    refusal = Refusal.objects.get(reason="repetitive")
    visited = shop.site.requested_paths()
    request_count = sum(path in months for path in visited)
    assert request_count <= 60
    pattern = f"127.0.0.10:{shop.site.port}/calendar/#/#"
    assert refusal.url == pattern
    assert str(refusal.sentence).startswith(f"{120 - request_count} pages with the URL pattern {pattern} were skipped")
    assert FrontierUrl.objects.filter(state="left-out", pattern=compute_url_key(pattern)).count() == 120 - request_count
    first = [path for path in visited if path in {*months, *goods}][:40]
    assert 10 <= sum(path in goods for path in first) <= 30  # patterns take turns


@pytest.mark.long
def test_all_pages_with_new_content_are_visited(inline: SyncRunner, shop: Shop) -> None:
    goods = [f"/goods/{number}" for number in range(50)]
    shop.site.page("/", "".join(f'<a href="{path}">x</a>' for path in goods))
    for number, path in enumerate(goods):
        shop.site.page(path, f"<img src=/0.jpg><img src=/goods/{number}.jpg>")
        shop.site.image(f"/goods/{number}.jpg", number)
    create_watch(owner("studio"), shop.url("/"))
    inline.run_until_idle()
    assert Sighting.objects.filter(image_url__contains="/goods/").count() == 50
    assert not FrontierUrl.objects.filter(state="left-out").exists()
    assert not Refusal.objects.exists()


@pytest.mark.long
def test_site_with_unavailable_robots_txt_is_retried_by_the_same_crawl(inline: SyncRunner, shop: Shop) -> None:
    later = Answer(status=503, headers=(("Retry-After", "600"),))
    answers = [later, later, Answer(b"User-agent: *\nDisallow: /3", media_type="text/plain")]
    shop.site.routes["/robots.txt"] = lambda _: answers[0] if len(answers) == 1 else answers.pop(0)
    shop.page("/", *(f"/{number}" for number in range(4)))
    create_watch(owner("studio"), shop.url("/0"))
    for _ in range(2):
        start = now()
        inline.run_until_idle()
        crawl = Crawl.objects.get()
        ((host, until),) = crawling.list_paused_hosts(crawl).items()
        assert (crawl.state, host) == (StepState.RUNNING, "127.0.0.10")
        assert timedelta(seconds=550) < until - start < timedelta(seconds=660)
        assert set(shop.site.requested_paths()) == {"/robots.txt"}
        assert not Refusal.objects.exists()
        HostLease.objects.update(expires_at=now())
        plan_crawls(inline.services, [crawl.pk])
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    assert crawling.list_paused_hosts(crawl) == {}
    assert Sighting.objects.exists()
    assert Refusal.objects.get(reason="robots").url == shop.url("/3")


@pytest.mark.long
def test_unavailable_page_is_retried_by_the_same_crawl(inline: SyncRunner, shop: Shop) -> None:
    pages = [Answer(status=503, headers=(("Retry-After", "600"),)), Answer(b'<img src="/1.jpg">')]
    shop.site.routes["/1"] = lambda _: pages.pop(0)
    create_watch(owner("studio"), shop.url("/0"))
    inline.run_until_idle()
    crawl = Crawl.objects.get()
    assert crawl.state == StepState.RUNNING
    assert timedelta(seconds=550) < crawling.list_paused_hosts(crawl)["127.0.0.10"] - now() < timedelta(seconds=660)
    assert not Refusal.objects.exists()
    HostLease.objects.update(expires_at=now())
    plan_crawls(inline.services, [crawl.pk])
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    assert FrontierUrl.objects.get(url=shop.url("/1")).state == FrontierUrl.State.DONE
    assert not Refusal.objects.exists()


@pytest.mark.long
def test_site_whose_robots_txt_stays_unavailable_is_abandoned_and_reported(inline: SyncRunner, shop: Shop) -> None:
    shop.site.routes["/robots.txt"] = Answer(status=500)
    create_watch(owner("studio"), shop.url("/0"))
    for rest in (1, 2, 4, None):
        inline.run_until_idle()
        crawl = Crawl.objects.get()
        if rest is None:
            break
        (until,) = crawling.list_paused_hosts(crawl).values()
        assert timedelta(minutes=rest - 0.5) < until - now() <= timedelta(minutes=rest)
        HostLease.objects.update(expires_at=now())
        plan_crawls(inline.services, [crawl.pk])
    assert crawl.reason == "finished"
    refusal = Refusal.objects.get()
    assert (refusal.url, refusal.reason) == (shop.url("/0"), "robots-unavailable")
    assert set(shop.site.requested_paths()) == {"/robots.txt"}


def test_site_with_a_long_retry_after_is_left_to_the_next_crawl(inline: SyncRunner, shop: Shop) -> None:
    shop.site.routes["/robots.txt"] = Answer(status=429, headers=(("Retry-After", "86400"),))
    create_watch(owner("studio"), shop.url("/0"))
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    assert Refusal.objects.get().reason == "robots-unavailable"
    assert shop.site.requested_paths() == ["/robots.txt"]
