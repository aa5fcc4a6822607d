"""Test changes to watches: times, pauses, removal, sources, and concurrent users."""

from datetime import timedelta

import pytest

from exhibit.clock import now
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
from registry import scoped
from registry.crawls import copy_checks, crawling, schedules, watch_settings
from registry.crawls.planning import start_due_crawls
from registry.crawls.watches import update_watch
from registry.models import Crawl, FrontierUrl, Owner, Watch
from registry.reports.works import build_coverage
from tests.assets.rows import owner, photograph, register
from tests.assets.shop_watch import DAY, HOUR, NEWS, SHOP, end_crawl, logged_openings, make_due, shop, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["shop", "studio"]


def test_paused_watch_finishes_its_run_and_starts_no_other_run(inline: SyncRunner, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    assert watch_settings.start_crawl_now(shop) == crawl
    watch_settings.pause_watch(shop, by="Ann")
    with pytest.raises(InvalidRequestError):
        watch_settings.start_crawl_now(shop)
    assert crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5) is not None
    watch_settings.resume_watch(shop, by="Ann")
    assert watch_settings.start_crawl_now(shop) == crawl


def test_stopping_run_blocks_new_run(inline: SyncRunner, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    assert watch_settings.stop_crawl(crawl, by="Ann")
    assert not watch_settings.stop_crawl(crawl, by="Bob")
    assert [entry["by"] for entry in logged_openings("crawl stopped")] == ["Ann"]
    with pytest.raises(ConflictError):
        watch_settings.start_crawl_now(shop)
    end_crawl(crawl)
    assert watch_settings.start_crawl_now(shop).number == 2


def test_removed_watch_cannot_be_resumed_or_changed(inline: SyncRunner, studio: Owner, shop: Watch) -> None:
    work = register(inline.services, studio, photograph(1)).work
    seen_before = Watch.objects.get(pk=shop.pk)
    watch_settings.remove_watch(shop, by="Ann")
    actions = (
        lambda: watch_settings.resume_watch(seen_before, by="Bob"),
        lambda: watch_settings.change_watch(seen_before, name="new", every=DAY, budget={}, politeness={}, by="Bob"),
        lambda: watch_settings.change_sources(seen_before, add=[NEWS], by="Bob"),
        lambda: watch_settings.remove_watch(seen_before, by="Bob"),
        lambda: copy_checks.add_known_copy(work, seen_before, "http://shop.example/hidden", by="Bob"),
    )
    for action in actions:
        with pytest.raises(NotFoundError):
            action()
    make_due(shop)
    start_due_crawls(inline.services)
    assert not Crawl.objects.exists()
    assert not copy_checks.list_active_known_copies(studio).exists()


def test_settings_change_keeps_concurrently_updated_run_time(inline: SyncRunner, shop: Watch) -> None:
    make_due(shop)
    seen_before = Watch.objects.get(pk=shop.pk)
    start_due_crawls(inline.services)
    watch_settings.change_watch(seen_before, name="shop", every=HOUR, budget={"pages": 7}, politeness={}, by="Ann")
    shop.refresh_from_db()
    assert shop.next_run_at is not None
    assert (shop.budget["pages"], shop.next_run_at > now()) == (7, True)


def test_changed_interval_counts_from_now_and_same_interval_keeps_the_schedule(inline: SyncRunner, shop: Watch) -> None:
    Watch.objects.update(next_run_at=now() + timedelta(minutes=7))
    for every, least, limit in ((HOUR, timedelta(0), timedelta(minutes=7)), (DAY, 23 * HOUR, DAY)):
        update_watch(inline.services, shop, every=every, budget={}, politeness={}, by="Ann")
        shop.refresh_from_db()
        assert shop.next_run_at is not None
        assert least < shop.next_run_at - now() <= limit


def test_added_source_is_visited_from_next_run(shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    watch_settings.change_sources(shop, add=[NEWS, SHOP], by="Ann")
    shop.refresh_from_db()
    assert [(source["kind"], source["url"]) for source in shop.sources] == [SHOP, NEWS]
    crawl.refresh_from_db()
    assert crawl.reason == ""
    (coverage,) = build_coverage([crawl])
    assert ((coverage.kind, coverage.source), coverage.further) == (SHOP, ())
    end_crawl(crawl)
    second_crawl = watch_settings.start_crawl_now(shop)
    assert set(FrontierUrl.objects.filter(crawl=second_crawl).values_list("url", flat=True)) == {SHOP[1], NEWS[1]}
    (entry,) = logged_openings("watch's sources changed")
    assert (entry["by"], entry["added"], entry["removed"]) == ("Ann", [list(NEWS)], [])


@pytest.mark.parametrize(
    ("add", "remove", "message"),
    [
        ([], [SHOP], "at least one source"),
        ([("folder", "/pictures")], [], "cannot combine"),
        ([("folder", "/pictures")], [SHOP], "cannot combine"),
        ([("search", "tineye")], [SHOP], "cannot combine"),
    ],
)
def test_invalid_source_changes_are_rejected(
    shop: Watch, add: list[tuple[str, str]], remove: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        watch_settings.change_sources(shop, add=add, remove=remove, by="Ann")
    assert Watch.objects.get().sources == shop.sources
    assert not logged_openings("watch's sources changed")


def test_changed_words_apply_from_next_run(studio: Owner) -> None:
    market = [("search", "market")]
    new_watch = watch_settings.add_watch(studio, "m", market, every=DAY, budget={}, politeness={}, words=["wave"])
    watch_settings.change_subjects(new_watch, words=["fuji", "wave"], by="Ann")
    new_watch.refresh_from_db()
    assert watch_settings.list_search_words(new_watch) == ["fuji", "wave"]
    assert watch_settings.start_crawl_now(new_watch).inquiries.get().words == ["fuji", "wave"]
    with pytest.raises(InvalidRequestError):
        watch_settings.change_subjects(new_watch, words=[], by="Ann")
    with pytest.raises(InvalidRequestError):
        watch_settings.change_sources(new_watch, add=[("search", "tineye")], by="Ann")
    assert schedules.list_due_watches() == []


def test_invalid_watches_are_rejected(db: None) -> None:
    studio = owner("studio")
    site = ("site", "https://shop.example/")

    def add(name: str, *sources: tuple[str, str], every: timedelta = DAY) -> None:
        watch_settings.add_watch(studio, name, sources, every=every, budget={}, politeness={})

    add("shop", site)
    for name, sources, every in (
        ("shop", (site,), DAY),
        ("7", (site,), DAY),
        ("", (site,), DAY),
        ("none", (), DAY),
        ("mixed", (site, ("folder", "/pictures")), DAY),
        ("often", (site,), timedelta(seconds=30)),
        ("never", (site,), 4000 * DAY),
    ):
        with pytest.raises(InvalidRequestError):
            add(name, *sources, every=every)
    assert [watch.name for watch in scoped.list_watches(studio)] == ["shop"]


def test_manual_start_runs_once_and_not_while_paused(db: None) -> None:
    studio = owner("studio")
    source = [("site", "https://shop.example/")]
    watch = watch_settings.add_watch(studio, "shop", source, every=DAY, budget={}, politeness={})
    crawl = watch_settings.start_crawl_now(watch)
    assert watch_settings.start_crawl_now(watch) == crawl
    watch_settings.pause_watch(watch)
    watch.refresh_from_db()
    with pytest.raises(InvalidRequestError):
        watch_settings.start_crawl_now(watch)
    watch_settings.resume_watch(watch)
    watch.refresh_from_db()
    assert watch_settings.start_crawl_now(watch) == crawl


def test_only_page_watches_can_render(studio: Owner) -> None:
    for budget in ({"render": "always"}, {"render_pages": 3}):
        with pytest.raises(InvalidRequestError):
            watch_settings.add_watch(studio, "f", [("folder", "/photos")], every=DAY, budget=budget, politeness={})
    rendering = watch_settings.add_watch(
        studio, "s", [("site", "https://a.example/")], every=DAY, budget={"render": "never"}, politeness={}
    )
    assert (rendering.budget["render"], rendering.budget["render_pages"]) == ("never", 200)
