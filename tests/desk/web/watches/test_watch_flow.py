"""Test a watch from the pasted URL to the refusals of its crawl, in a real browser."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.urls import reverse

from registry.models import Crawl, KnownCopy, Watch
from tests.assets.rows import owner, photograph, register
from tests.assets.searches import KEY
from tests.assets.site import Answer, Site as Shop
from tests.assets.site_browser import PHONE, Site


@pytest.fixture
def shop(site: Site) -> Iterator[Shop]:
    """A site on loopback, which the installation may crawl."""
    site.services.config = replace(site.services.config, allowed_networks=("127.0.0.0/8",))
    with Shop() as running:
        running.page("/", '<title>The shop</title><link rel=alternate type="application/rss+xml" href="/feed.xml">')
        running.routes["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 2\nDisallow: /cart\n", "text/plain")
        yield running


@pytest.mark.long
def test_pasted_url_becomes_a_watch_whose_run_is_followed(site: Site, shop: Shop) -> None:
    studio = owner("studio")
    register(site.services, studio, photograph(1), "The wave")
    ann = site.member(studio, size=PHONE, scheme="dark")
    page = ann.open(reverse("watches", args=["studio"]))
    ann.check()
    ann.links_to("where", "studio").first.click()
    ann.check()
    ann.links_to("new-watch", "studio").first.click()
    page.locator("#address").fill("not an address")
    ann.buttons_to("new-watch", "studio").click()
    page.locator("#problem").wait_for()
    ann.errors.clear()  # the console reports the status 422
    page.locator("#address").fill(shop.url("/"))
    ann.buttons_to("new-watch", "studio").click()
    page.locator("input[name=source]").first.wait_for()
    ann.check()
    ann.buttons_to("make-watch", "studio").click()
    page.locator("progress").wait_for()
    ann.check()
    crawl = Crawl.objects.get()
    with page.expect_response("**/progress?under-way"):
        Crawl.objects.update(state="done", reason="finished", finished_at=crawl.started_at, pictures=0)
    page.locator("progress").wait_for(state="detached")
    assert page.locator("[hx-get]").count() == 0
    page.get_by_role("link", name=crawl.watch.name, exact=True).click()
    page.locator("details.more", has=page.locator("#known-copy-work")).locator("summary").click()
    page.locator("#known-copy-work").fill("1")
    page.locator("#known-copy-url").fill(shop.url("/hidden"))
    ann.buttons_to("add-known-copy", "studio", 1).click()
    page.locator(".message.success").wait_for()
    ann.check()
    assert KnownCopy.objects.get().work.title == "The wave"
    ann.links_to("edit-watch", "studio", 1).first.click()
    ann.check()
    page.locator("#id_every").select_option(label="Every week")
    page.locator("#id_weekday").select_option(label="Wednesday")
    page.locator("main form button").last.click()
    page.get_by_text(re.compile("Wednesday.*03:00")).wait_for()
    ann.links_to("watch-sources", "studio", 1).first.click()
    ann.check()
    page.locator(f'button[name=source][value$="{shop.url("/feed.xml")}"]').click()
    page.locator(".message.success").wait_for()
    page.locator("#address").fill(shop.url("/"))
    page.locator("form", has=page.locator("#address")).locator("button").click()
    page.get_by_role("checkbox", name=shop.url("/feed.xml")).wait_for()
    ann.check()
    ann.buttons_to("add-sources", "studio", 1).click()
    page.locator(".message.success").wait_for()
    assert [source["kind"] for source in Watch.objects.get().sources] == ["site", "feed"]


@pytest.mark.long
def test_search_key_is_entered_and_a_search_is_watched(site: Site) -> None:
    studio = owner("studio")
    ann = site.member(studio, size=PHONE)
    page = ann.open(reverse("searches", args=["studio"]))
    ann.check()
    tineye = page.locator("section").filter(has=page.get_by_role("heading", name="TinEye"))
    tineye.locator("#key-tineye").fill(KEY)
    ann.buttons_to("keep-search-key", "studio", "tineye").click()
    page.locator(".message.success").wait_for()
    assert KEY not in page.content()
    ann.check()
    ann.buttons_to("allow-search", "studio", "tineye").click()
    ann.buttons_to("disallow-search", "studio", "tineye").wait_for()
    ann.check()
    ann.links_to("new-search-watch", "studio", "tineye").click()
    ann.check()
    page.locator("input[name=now]").uncheck()
    page.locator("form.settings button:not([name])").click()
    page.wait_for_url("**/watches/1/")
    ann.check()
