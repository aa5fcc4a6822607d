"""A slice of a crawl in a child process, which may die."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from exhibit.browser.program import find_browser
from registry.models import (
    Crawl,
    CrawlSlice,
    FrontierUrl,
    HostLease,
    Refusal,
    Sighting,
)
from tests.assets.rows import owner, photograph
from tests.assets.scripted import GALLERY, page
from tests.assets.shop import LOOPBACK, Shop, watch
from tests.assets.site import Answer, Seen, Site
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


def kill_the_crawler(_: Seen) -> Answer:
    """A page that the crawler doesn't survive."""
    for process in psutil.Process().children():
        if "crawler" in process.cmdline():
            os.kill(process.pid, signal.SIGKILL)
    return Answer(b"")


def test_a_page_that_kills_the_crawler_is_given_up_and_no_other_is_lost(inline: SyncRunner, shop: Shop) -> None:
    shop.site.routes["/2"] = kill_the_crawler
    watch(owner("studio"), shop.url("/0"))
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    refusal = Refusal.objects.get()
    assert (refusal.url, refusal.reason) == (shop.url("/2"), "broke-off")
    assert FrontierUrl.objects.get(state="refused").url == shop.url("/2")
    seen = set(Sighting.objects.values_list("image_url", flat=True))
    assert seen == {shop.url(f"/{number}.jpg") for number in (0, 1, 3)}
    assert not HostLease.objects.exclude(slice=None).exists()


def test_a_watch_that_renders_sees_what_scripts_show_within_its_budget(inline: SyncRunner, shop: Shop) -> None:
    pytest.importorskip("playwright", reason="the optional part capture isn't installed")
    if find_browser("").path is None:
        pytest.skip(find_browser("").sentence)
    page(shop.site, "/gallery.html", '<a href="/1">further</a>', GALLERY)
    shop.serve("/gallery.json", b"[1, 2]", "application/json")
    for number in (1, 2):
        shop.image(f"/gallery/{number}", photograph(90 + number))
    inline.services.config = replace(inline.services.config, capture_browser="")
    watch(owner("studio"), shop.url("/gallery.html"), render="always", render_pages=1)
    inline.run_until_idle()
    assert Crawl.objects.get().reason == "finished"
    seen = dict(Sighting.objects.values_list("image_url", "found_in"))
    assert seen == {shop.url("/gallery/1"): "rendered", shop.url("/gallery/2"): "rendered", shop.url("/1.jpg"): "img"}
    counts = list(CrawlSlice.objects.order_by("number").values_list("counts", flat=True))
    assert sum(one["rendered"] for one in counts) == 1
    assert sum(one["gained"] for one in counts) == 2
    assert sum(one["unrendered"].get("budget", 0) for one in counts) >= 1
