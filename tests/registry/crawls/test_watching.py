"""Watches while they run: their times, pauses, deletions and places, and two people at once."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F

from exhibit.clock import now
from exhibit.errors import ConflictError, NotFoundError, ServiceMissingError, WrongUseError
from registry.crawls import canaries, crawling, schedules, watching
from registry.models import Crawl, FrontierUrl, LogOpening, Owner, Sighting, Watch
from tests.assets.rows import bring, claim, owner, photograph, register
from workers.crawls.watches import change
from workers.reports.coverage import coverage_of
from workers.steps.crawls.plan import plan_crawls, start_due_crawls, start_now
from workers.tasks.sync_runner import SyncRunner

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SHOP, NEWS = ("site", "http://shop.example/"), ("feed", "http://news.example/feed.xml")


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


@pytest.fixture
def shop(studio: Owner) -> Watch:
    return watching.add_watch(studio, "shop", [SHOP], every=HOUR, budget={}, politeness={}, by="Ann")


def due(watch: Watch) -> None:
    """As after two hours, of which the watch was due in the first."""
    watch.crawls.update(started_at=F("started_at") - 2 * HOUR)
    Watch.objects.filter(pk=watch.pk).update(next_run_at=now() - timedelta(minutes=90))


def ended(crawl: Crawl) -> Crawl:
    crawling.stop(crawl.pk)
    assert crawling.end_crawl_if_worked_off(crawl.pk)
    crawl.refresh_from_db()
    return crawl


def logged(what: str) -> list[dict[str, object]]:
    return [dict(row.details or {}) for row in LogOpening.objects.filter(content__what=what)]


def test_a_time_that_falls_into_a_run_is_passed_over_and_the_next_one_counts(inline: SyncRunner, shop: Watch) -> None:
    crawl = watching.start_now(shop)
    due(shop)
    start_due_crawls(inline.services)
    shop.refresh_from_db()
    assert shop.next_run_at is not None
    assert now() < shop.next_run_at <= now() + HOUR
    ended(crawl)
    start_due_crawls(inline.services)
    assert Crawl.objects.count() == 1
    due(shop)
    start_due_crawls(inline.services)
    assert Crawl.objects.count() == 2


def test_a_time_that_came_while_nothing_ran_is_made_up_for_once(inline: SyncRunner, shop: Watch) -> None:
    ended(watching.start_now(shop))
    due(shop)
    for _round in range(2):
        start_due_crawls(inline.services)
    assert Crawl.objects.count() == 2


def test_a_watch_goes_on_at_its_usual_times_after_a_pause_and_makes_up_for_none(
    inline: SyncRunner, shop: Watch
) -> None:
    watching.pause(shop, by="Ann")
    due(shop)
    start_due_crawls(inline.services)
    watching.resume(shop, by="Ann")
    start_due_crawls(inline.services)
    shop.refresh_from_db()
    assert not Crawl.objects.exists()
    assert shop.next_run_at is not None
    assert shop.next_run_at > now()


def test_a_pause_lets_a_run_go_on_and_starts_no_other(inline: SyncRunner, shop: Watch) -> None:
    crawl = watching.start_now(shop)
    assert watching.start_now(shop) == crawl
    watching.pause(shop, by="Ann")
    with pytest.raises(WrongUseError, match="is paused"):
        watching.start_now(shop)
    assert crawling.plan_slice(crawl.pk, most_urls=10, most_hosts=5) is not None
    watching.resume(shop, by="Ann")
    assert watching.start_now(shop) == crawl


def test_a_run_that_is_being_stopped_isnt_taken_for_a_new_one(inline: SyncRunner, shop: Watch) -> None:
    crawl = watching.start_now(shop)
    assert watching.stop(crawl, by="Ann")
    assert not watching.stop(crawl, by="Bob")
    assert [one["by"] for one in logged("crawl stopped")] == ["Ann"]
    with pytest.raises(ConflictError, match="just ending"):
        watching.start_now(shop)
    ended(crawl)
    assert watching.start_now(shop).number == 2


def test_a_full_disk_starts_nothing_and_still_lets_a_run_be_stopped(inline: SyncRunner, shop: Watch) -> None:
    crawl = watching.start_now(shop)
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    with pytest.raises(ServiceMissingError, match="disk is nearly full"):
        start_now(inline.services, shop)
    plan_crawls(inline.services, [crawl.pk])
    crawl.refresh_from_db()
    assert (crawl.state, crawl.slices.count()) == ("doing", 0)
    watching.stop(crawl, by="Ann")
    plan_crawls(inline.services, [crawl.pk])
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason) == ("done", "stopped")


def test_what_somebody_deletes_nobody_else_sets_going_again(inline: SyncRunner, studio: Owner, shop: Watch) -> None:
    work = register(inline.services, studio, photograph(1)).work
    seen_before = Watch.objects.get(pk=shop.pk)
    watching.remove_watch(shop, by="Ann")
    deeds = (
        lambda: watching.resume(seen_before, by="Bob"),
        lambda: watching.change_watch(seen_before, name="new", every=DAY, budget={}, politeness={}, by="Bob"),
        lambda: watching.change_sources(seen_before, add=[NEWS], by="Bob"),
        lambda: watching.remove_watch(seen_before, by="Bob"),
        lambda: canaries.plant(work, seen_before, "http://shop.example/hidden", by="Bob"),
    )
    for deed in deeds:
        with pytest.raises(NotFoundError):
            deed()
    due(shop)
    start_due_crawls(inline.services)
    assert not Crawl.objects.exists()
    assert not canaries.active(studio).exists()


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


def test_a_setting_leaves_the_time_that_a_run_has_moved_meanwhile(inline: SyncRunner, shop: Watch) -> None:
    due(shop)
    seen_before = Watch.objects.get(pk=shop.pk)
    start_due_crawls(inline.services)
    watching.change_watch(seen_before, name="shop", every=HOUR, budget={"pages": 7}, politeness={}, by="Ann")
    shop.refresh_from_db()
    assert shop.next_run_at is not None
    assert (shop.budget["pages"], shop.next_run_at > now()) == (7, True)


def test_another_period_counts_from_now_on_and_the_same_one_moves_nothing(inline: SyncRunner, shop: Watch) -> None:
    Watch.objects.update(next_run_at=now() + timedelta(minutes=7))
    for every, least, most in ((HOUR, timedelta(0), timedelta(minutes=7)), (DAY, 23 * HOUR, DAY)):
        change(inline.services, shop, every=every, budget={}, politeness={}, by="Ann")
        shop.refresh_from_db()
        assert shop.next_run_at is not None
        assert least < shop.next_run_at - now() <= most


def test_a_place_is_added_and_looked_at_from_the_next_run_on(shop: Watch) -> None:
    crawl = watching.start_now(shop)
    watching.change_sources(shop, add=[NEWS, SHOP], by="Ann")
    shop.refresh_from_db()
    assert [(one["kind"], one["url"]) for one in shop.sources] == [SHOP, NEWS]
    crawl.refresh_from_db()
    assert crawl.reason == ""
    (told,) = coverage_of([crawl])
    assert ((told.kind, told.source), told.further) == (SHOP, ())
    ended(crawl)
    again = watching.start_now(shop)
    assert set(FrontierUrl.objects.filter(crawl=again).values_list("url", flat=True)) == {SHOP[1], NEWS[1]}
    (entry,) = logged("watch's sources changed")
    assert (entry["by"], entry["added"], entry["removed"]) == ("Ann", [list(NEWS)], [])


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


@pytest.mark.parametrize(
    ("add", "remove", "said"),
    [
        ([], [SHOP], "at least one place"),
        ([("folder", "/pictures")], [], "can't mix"),
        ([("folder", "/pictures")], [SHOP], "can't mix"),
        ([("search", "tineye")], [SHOP], "can't mix"),
    ],
)
def test_places_that_cant_be_change_nothing(
    shop: Watch, add: list[tuple[str, str]], remove: list[tuple[str, str]], said: str
) -> None:
    with pytest.raises(WrongUseError, match=said):
        watching.change_sources(shop, add=add, remove=remove, by="Ann")
    assert Watch.objects.get().sources == shop.sources
    assert not logged("watch's sources changed")


def test_other_words_are_searched_for_from_the_next_run_on(studio: Owner) -> None:
    market = [("search", "market")]
    made = watching.add_watch(studio, "m", market, every=DAY, budget={}, politeness={}, words=["wave"])
    watching.change_words(made, ["fuji", "wave"], by="Ann")
    made.refresh_from_db()
    assert watching.searched_words(made) == ["fuji", "wave"]
    assert watching.start_now(made).inquiries.get().words == ["fuji", "wave"]
    with pytest.raises(WrongUseError):
        watching.change_words(made, [], by="Ann")
    with pytest.raises(WrongUseError, match="can't mix"):
        watching.change_sources(made, add=[("search", "tineye")], by="Ann")
    assert schedules.due_watches() == []
