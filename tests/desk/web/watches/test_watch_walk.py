"""A watch from the pasted address to what its run refused, in a real browser."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.urls import reverse

from registry.models import Canary, Crawl, Watch
from tests.assets.rows import owner, photograph, register
from tests.assets.searches import KEY
from tests.assets.site import Answer, Site as Shop
from tests.assets.site_browser import DESKTOP, PHONE, Site


@pytest.fixture
def shop(site: Site) -> Iterator[Shop]:
    """A site on loopback, which the installation may visit."""
    site.services.config = replace(site.services.config, allowed_networks=("127.0.0.0/8",))
    with Shop() as running:
        running.page("/", '<title>The shop</title><link rel=alternate type="application/rss+xml" href="/feed.xml">')
        running.routes["/robots.txt"] = Answer(b"User-agent: *\nCrawl-delay: 2\nDisallow: /cart\n", "text/plain")
        yield running


@pytest.mark.long
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")])
def test_a_pasted_address_becomes_a_watch_whose_run_is_followed(
    site: Site, shop: Shop, size: tuple[int, int], scheme: str
) -> None:
    studio = owner("studio")
    register(site.services, studio, photograph(1), "The wave")
    ann = site.member(studio, size=size, scheme=scheme)
    page = ann.open(reverse("watches", args=["studio"]))
    ann.check()
    page.get_by_role("link", name="Where would my pictures be?").click()
    ann.check()
    page.get_by_role("link", name="A site’s sitemap or feed").click()
    page.get_by_label("Address of the site").fill("not an address")
    page.get_by_role("button", name="Look at the site").click()
    page.get_by_text("The address can't be read.").wait_for()
    ann.errors.clear()  # the console tells the status 422
    page.get_by_label("Address of the site").fill(shop.url("/"))
    page.get_by_role("button", name="Look at the site").click()
    page.get_by_role("heading", name="The shop").wait_for()
    ann.check()
    page.get_by_role("button", name="Make this watch").click()
    page.get_by_text("Under way").wait_for()
    ann.check()
    crawl = Crawl.objects.get()
    with page.expect_response("**/progress?under-way"):
        Crawl.objects.update(state="done", reason="finished", finished_at=crawl.started_at, pictures=0)
    page.get_by_text("Finished: all of it was looked at.").wait_for()
    assert page.locator("[hx-get]").count() == 0
    page.get_by_role("link", name=crawl.watch.name, exact=True).click()
    page.get_by_text("Plant a known copy").click()
    page.get_by_label("Number of the work").fill("1")
    page.get_by_label("Page that shows the copy").fill(shop.url("/hidden"))
    page.get_by_role("button", name="It has to find this").click()
    page.get_by_text("From its next run on").wait_for()
    ann.check()
    assert Canary.objects.get().work.title == "The wave"
    page.get_by_role("link", name="Change").click()
    ann.check()
    page.get_by_label("How often").select_option(label="Every week")
    page.get_by_label("On", exact=True).select_option(label="Wednesday")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Every week, Wednesday at 03:00").wait_for()
    page.get_by_role("link", name="Add or remove places").click()
    ann.check()
    page.get_by_role("button", name=f"Remove {shop.url('/feed.xml')}").click()
    page.get_by_text("It is no longer looked at.").wait_for()
    page.get_by_label("Address of the site").fill(shop.url("/"))
    page.get_by_role("button", name="Look at the site").click()
    page.get_by_role("checkbox", name=shop.url("/feed.xml")).wait_for()
    ann.check()
    page.get_by_role("button", name="Add to this watch").click()
    page.get_by_text("from the next run on").wait_for()
    assert [one["kind"] for one in Watch.objects.get().sources] == ["site", "feed"]


@pytest.mark.long
def test_a_key_is_given_and_a_search_is_watched(site: Site) -> None:
    studio = owner("studio")
    ann = site.member(studio, size=PHONE)
    page = ann.open(reverse("searches", args=["studio"]))
    ann.check()
    tineye = page.locator("section").filter(has=page.get_by_role("heading", name="TinEye"))
    tineye.get_by_label("Your key for TinEye").fill(KEY)
    tineye.get_by_role("button", name="Keep the key").click()
    page.get_by_text("It won't be shown again.").wait_for()
    assert KEY not in page.content()
    ann.check()
    tineye.get_by_role("button", name="Allow it to be sent copies of my works").click()
    tineye.get_by_text("It may be sent copies of your works").wait_for()
    ann.check()
    tineye.get_by_role("link", name="Make a watch").click()
    ann.check()
    page.get_by_label("Run it right away").uncheck()
    page.get_by_role("button", name="Make this watch").click()
    page.get_by_text("At most 50 searches").wait_for()
    ann.check()
