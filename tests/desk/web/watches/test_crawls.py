"""Test crawls on the site: their progress, refusals and skipped requests."""

import html
import re
from datetime import timedelta

import pytest
from django.test import Client
from playwright.sync_api import expect

from crawler.reading.limits import OmittedItem
from desk.schemas.watches import CrawlDetails
from desk.texts.crawl_refusals import END_SENTENCES, OMISSION_SENTENCES, describe_omission, describe_refusal
from desk.texts.numbers import counted
from exhibit.clock import now
from exhibit.network.addresses import compute_url_key
from registry.crawls import crawling, watch_settings
from registry.models import Crawl, HostLease, Picture, Refusal, Watch
from tests.assets.pages import has_test_id, message_levels, select
from tests.assets.rows import claim, owner, photograph, record_sightings
from tests.assets.site_browser import Site
from tests.desk.web.watches.test_views import DAY, SHOP, WATCH_URL, ann, shop, studio
from workers.tasks.sync_runner import SyncRunner

SKIP_COUNTS = [(1412, "unchanged"), (1, "stated")]
"""Known pages left for a later crawl, by reason."""

__all__ = ["ann", "shop", "studio"]


@pytest.mark.long
def test_run_progress_is_polled_until_all_pictures_are_compared(inline: SyncRunner, ann: Client, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    crawl_slice = crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5)
    assert crawl_slice is not None
    epoch = claim(crawl_slice)
    record_sightings(inline.services, crawl_slice, epoch, [photograph(1), photograph(2)])
    page = ann.get(f"{WATCH_URL}crawls/1/progress").content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert "<dd>2</dd>" in page
    crawling.finish_slice(crawl_slice.pk, epoch, counts={}, suspect=False, build_log_data=lambda _row: {})
    crawling.stop_crawl(crawl.pk)
    assert crawling.end_crawl_if_finished(crawl.pk)
    page = ann.get(f"{WATCH_URL}crawls/1/progress").content.decode()
    assert str(END_SENTENCES["stopped"]) in page
    assert 'hx-trigger="every 5s"' in page
    inline.run_until_idle()
    page = ann.get(f"{WATCH_URL}crawls/1/progress").content.decode()
    assert "hx-get" not in page
    assert not any(counted(n, reason) in page for n, reason in SKIP_COUNTS)
    Crawl.objects.update(skipped_pages={reason: n for n, reason in SKIP_COUNTS})
    page = ann.get(f"{WATCH_URL}crawls/1/progress").content.decode()
    assert all(counted(n, reason) in page.replace("&#x27;", "'") for n, reason in SKIP_COUNTS)
    assert ann.post(f"{WATCH_URL}run", {"everything": "yes"}).status_code == 302
    assert [row.everything for row in Crawl.objects.order_by("number")] == [False, True]
    Crawl.objects.filter(number=2).delete()
    assert Crawl.objects.get().pictures == 2


@pytest.mark.long
def test_page_of_an_ended_run_updates_until_all_pictures_are_compared(site: Site) -> None:
    looked_at = watch_settings.add_watch(owner("studio"), "shop", SHOP, every=DAY, budget={}, politeness={}, by="Ann")
    crawl = watch_settings.start_crawl_now(looked_at)
    crawl_slice = crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5)
    assert crawl_slice is not None
    record_sightings(site.services, crawl_slice, claim(crawl_slice), [photograph(1), photograph(2)])
    ending = site.member(crawl.watch.owner).open(f"{WATCH_URL}crawls/1/")
    removed_url = "http://shop.example/gone"
    Refusal.objects.create(
        crawl=crawl, key=compute_url_key(removed_url), url=removed_url, reason="http-404", sentence="", at=now()
    )
    Crawl.objects.update(state="done", finished_at=now())
    expect(ending.get_by_text("ended", exact=False).first).to_be_visible()  # the whole section, not only the numbers
    expect(ending.get_by_role("cell", name=removed_url)).to_be_visible()
    bare = site.member(crawl.watch.owner, javascript=False)
    pages = [WATCH_URL, f"{WATCH_URL}crawls/1/"]
    tabs = []
    for address in pages:
        assert bare.open(address).locator('noscript meta[http-equiv="refresh"][content="10"]').count() == 1
        page = site.member(crawl.watch.owner).page
        page.clock.install()
        page.goto(site.base + address)
        page.evaluate("window.kept = true")
        tabs.append(page)
    for count in (1, 0):
        Picture.objects.filter(pk=Picture.objects.filter(state="queued").values("pk")[:1]).update(state="done")
        for page in tabs:
            page.clock.fast_forward(6_000)
            progress = page.locator(".progress div", has_text="waiting for comparison").locator("dd")
            expect(progress).to_have_text([str(count)] if count else [])
            expect(page.locator(".progress[hx-get]")).to_have_count(min(count, 1))
            assert page.evaluate("window.kept")
    bare.open(pages[0])
    assert bare.page.locator(".progress, noscript meta").count() == 0
    assert bare.open(pages[1]).locator("noscript meta").count() == 0


def test_stopped_run_starts_no_crawl_slice_and_ends(inline: SyncRunner, ann: Client, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    assert crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5) is not None
    assert message_levels(ann.post(f"{WATCH_URL}crawls/1/stop", follow=True)) == ["success"]
    assert crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5) is None
    page = ann.get(f"{WATCH_URL}crawls/1/")
    assert page.headers["Cache-Control"] == "private, no-store"
    crawl.slices.update(state="done")
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason) == ("done", "stopped")


def test_refusals_are_explained_by_reason(ann: Client, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    for number, reason in enumerate(("robots", "http-404", "http-404", "http-503")):
        url = f"http://shop.example/{number}"
        Refusal.objects.create(crawl=crawl, key=compute_url_key(url), url=url, reason=reason, sentence="", at=now())
    page = ann.get(f"{WATCH_URL}crawls/1/").content.decode()
    for reason in ("robots", "http-404", "http-503"):
        assert describe_refusal(reason) in html.unescape(page), reason
    page_text = ann.get(f"{WATCH_URL}crawls/1/", {"reason": "http-404"}).content.decode()
    assert "shop.example/1" in page_text
    assert "shop.example/0" not in page_text


ALL_FETCHED = "Everything that was found was fetched and stored."
NO_REFUSALS = "No requests were refused."


def add_ended_crawl(watch: Watch, *counts: dict[str, object], reason: str = "finished") -> Crawl:
    """Create an ended crawl of a watch, with slices of these counts."""
    crawl = watch_settings.start_crawl_now(watch)
    for number, slice_counts in enumerate(counts):
        crawl.slices.create(number=number + 1, state="done", counts=slice_counts)
    crawl.frontier.update(state="done")
    Crawl.objects.filter(pk=crawl.pk).update(state="done", reason=reason, finished_at=now())
    return crawl


def test_skipped_requests_are_counted_by_limit_on_page_and_api(ann: Client, shop: Watch) -> None:
    counts: dict[str, object] = {"pages": 3, "scripts_not_run": 0}
    crawl = add_ended_crawl(
        shop, {**counts, "left_out": {"style-sheets": 2}}, {**counts, "left_out": {"style-sheets": 3, "entries": 1}}
    )
    page = ann.get(f"{WATCH_URL}crawls/1/").content.decode()
    assert ALL_FETCHED not in page
    assert re.search(rf'<span class="number">5</span>\s*{re.escape(describe_omission("style-sheets"))}', page)
    assert CrawlDetails.from_row(crawl, refused={}).skipped == {"entries": 1, "style-sheets": 5}


def test_every_skip_reason_has_a_label() -> None:
    assert set(OMISSION_SENTENCES) == set(OmittedItem)


@pytest.mark.long
def test_run_page_states_that_everything_was_fetched_only_if_it_was(ann: Client, shop: Watch) -> None:
    """Test that anything left out removes the sentence: scripts, depth, a budget, and slices without counts."""
    slice_counts: dict[str, object] = {"pages": 3, "scripts_not_run": 0}
    crawl = add_ended_crawl(shop, slice_counts, {"reason": "finished"})

    def read_page() -> str:
        return ann.get(f"{WATCH_URL}crawls/1/").content.decode()

    assert ALL_FETCHED in read_page()
    for counts, sentence in (
        ({"pages": 3, "scripts_not_run": 1}, "1 page runs scripts that may add pictures:"),
        ({"pages": 9, "scripts_not_run": 4}, "4 pages run scripts that may add pictures:"),
        ({"pages": 9}, NO_REFUSALS),
    ):
        crawl.slices.filter(number=2).update(counts=counts)
        assert sentence in read_page()
        assert NO_REFUSALS in read_page()
        assert ALL_FETCHED not in read_page()
    crawl.slices.filter(number=2).update(counts=slice_counts)
    crawl.frontier.update(depth=3)
    assert ALL_FETCHED not in read_page()
    crawl.frontier.update(depth=2)
    assert ALL_FETCHED in read_page()
    Crawl.objects.update(reason="budget-pages")
    assert ALL_FETCHED not in read_page()


def test_pages_without_executed_scripts_are_counted_with_a_hint(ann: Client, shop: Watch) -> None:
    crawl = add_ended_crawl(shop, {"pages": 20, "scripts_not_run": 5}, {"pages": 20, "scripts_not_run": 7})
    page = ann.get(f"{WATCH_URL}crawls/1/").content.decode()
    (link,) = re.findall(
        r'12 pages run scripts that may add pictures:\s*<a href="([^"#]+)#id_rendering">render them', page
    )
    assert 'id="id_rendering"' in ann.get(link).content.decode()
    crawl.slices.filter(number=2).update(counts={"pages": 20, "scripts_not_run": 7, "unrendered": {"no-browser": 2}})
    page = ann.get(f"{WATCH_URL}crawls/1/").content.decode()
    assert has_test_id(page, "no-browser")
    assert "#id_rendering" not in page


def test_host_that_delays_a_run_is_shown_with_its_time(ann: Client, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    Crawl.objects.filter(pk=crawl.pk).update(state="running")
    HostLease.objects.create(host="shop.example", expires_at=now() + timedelta(minutes=10))
    HostLease.objects.create(host="other.example", expires_at=now() + timedelta(minutes=10))
    page = ann.get(f"{WATCH_URL}crawls/1/progress").content.decode()
    assert "shop.example" in select(page, '[data-testid="resting"]').get("")
    assert "other.example" not in page
    HostLease.objects.update(expires_at=now())
    assert not has_test_id(ann.get(f"{WATCH_URL}crawls/1/progress"), "resting")
