"""Test that pages are revisited when they have probably changed, within the same budget."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exhibit.clock import now
from exhibit.sentences import Sentence
from registry.crawls import copy_checks, known_pages, page_changes, schedules, watch_settings
from registry.crawls.crawling import NewUrl, add_urls, make_refusal
from registry.crawls.page_changes import PageVisit
from registry.models import Crawl, FrontierUrl, KnownPage, StepState, Watch
from tests.assets.rows import owner, photograph, register
from tests.assets.shop import LOOPBACK, Shop, create_watch, run_now
from tests.assets.shop_watch import shop, studio
from tests.assets.site import Site, picture
from workers.tasks.sync_runner import SyncRunner

__all__ = ["shop", "studio"]

SITE_URL = "http://shop.example"
DAY = timedelta(days=1)


def record_visit(watch_row: Watch, path: str, content: bytes, at: datetime, **refused: str) -> None:
    """Record a visit to a page of the watch, as is done at the end of a slice."""
    page_changes.store_visits(
        watch_row.pk,
        0,
        [PageVisit(SITE_URL + path, 1, content, at)],
        {SITE_URL + page: why for page, why in refused.items()},
    )


def record_history(watch_row: Watch, path: str, changed: str, first: datetime) -> None:
    """Record daily visits; ``x`` in ``changed`` marks each that found the page changed."""
    record_visit(watch_row, path, b"0", first)
    version = 0
    for day, mark in enumerate(changed, start=1):
        version += mark == "x"
        record_visit(watch_row, path, str(version).encode(), first + day * DAY)


def end_crawl(crawl: Crawl) -> None:
    """Mark a crawl as finished."""
    Crawl.objects.filter(pk=crawl.pk).update(state=StepState.DONE)


def start_crawl(watch: Watch, **budget: int) -> Crawl:
    """Start the next crawl of a watch with a budget."""
    Watch.objects.filter(pk=watch.pk).update(budget=budget)
    run_now(watch)
    crawl = schedules.start_crawl(watch.pk)
    assert crawl is not None
    return crawl


def list_pending_urls(crawl: Crawl) -> list[str]:
    """Return the paths of pending pages, without the source."""
    rows = crawl.frontier.filter(depth=1).order_by("id")
    return [url.removeprefix(SITE_URL) for url in rows.values_list("url", flat=True)]


def test_frequently_changed_or_long_unvisited_pages_come_first(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    first = now() - 9 * DAY
    record_history(new_watch, "/often", "xxxxxxxx", first)
    record_history(new_watch, "/never", "........", first)
    record_history(new_watch, "/once", "...x....", first)
    record_visit(new_watch, "/long-ago", b"0", now() - 300 * DAY)
    record_history(new_watch, "/lately", "x", now() - DAY)
    assert page_changes.count_weekly_changes(new_watch.pk) == (1, 3)
    KnownPage.objects.filter(url=f"{SITE_URL}/lately").delete()
    crawl = start_crawl(new_watch, pages=4, depth=3)
    assert set(list_pending_urls(crawl)) == {"/often", "/long-ago"}
    end_crawl(crawl)
    rest = start_crawl(new_watch, pages=5, depth=3)
    assert set(list_pending_urls(rest)) == {"/often", "/long-ago"}, (
        "where there is time for all, the others come at the end"
    )
    rest.frontier.update(state=FrontierUrl.State.DONE)
    page_changes.add_due_pages(rest.pk)
    assert set(list_pending_urls(rest)) == {"/often", "/long-ago", "/never"}, "and what changed long ago, later"


def test_pages_left_over_from_the_previous_run_get_half_of_the_budget(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    before = start_crawl(new_watch, pages=2)
    rows = [NewUrl(f"{SITE_URL}/new-{n}", "page", 1) for n in range(5)]
    elsewhere = [NewUrl("http://other.example/", "page", 1)]
    add_urls(before.pk, [*elsewhere, *rows])
    end_crawl(before)
    for n in range(4):
        record_visit(new_watch, f"/{n}", b"0", now() - DAY)
    crawl = start_crawl(new_watch, pages=4)
    assert len([path for path in list_pending_urls(crawl) if path.startswith("/new-")]) <= 2
    assert len(list_pending_urls(crawl)) >= 3
    assert not crawl.frontier.filter(host="other.example").exists()


def test_pages_of_a_site_removed_from_the_watch_use_no_budget(db: None) -> None:
    new_watch, other = create_watch(owner("studio"), f"{SITE_URL}/"), ("site", "http://other.example/")
    watch_settings.change_sources(new_watch, add=[other], by="Ann")
    for n in range(9):
        page_changes.store_visits(
            new_watch.pk, 0, [PageVisit(f"http://other.example/{n}", 1, b"0", now() - 300 * DAY)], {}
        )
    record_visit(new_watch, "/here", b"0", now() - 40 * DAY)
    watch_settings.change_sources(new_watch, remove=[other], by="Ann")
    assert list_pending_urls(start_crawl(new_watch, pages=2)) == ["/here"]


def test_left_over_pages_of_an_endless_url_pattern_do_not_displace_other_pages(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    before = start_crawl(new_watch, pages=2)
    months = [NewUrl(f"{SITE_URL}/calendar/{n}", "page", 1, pattern="calendar") for n in range(9)]
    goods = [NewUrl(f"{SITE_URL}/goods/{n}", "page", 1, pattern="goods") for n in range(2)]
    add_urls(before.pk, [*months, *goods])
    end_crawl(before)
    for n in range(10):
        record_visit(new_watch, f"/{n}", b"0", now() - DAY)
    paths = list_pending_urls(start_crawl(new_watch, pages=10))
    assert {path for path in paths if path.startswith("/goods/")} == {"/goods/0", "/goods/1"}


def test_remaining_known_pages_follow_when_nothing_is_pending(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for n in range(6):
        record_visit(new_watch, f"/{n}", b"0", now() - n * DAY)
    crawl = start_crawl(new_watch, pages=6)
    assert list_pending_urls(crawl) == [] or len(list_pending_urls(crawl)) == 3
    page_changes.add_due_pages(crawl.pk)
    assert len(list_pending_urls(crawl)) == 3, "while others wait, none is added"
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    Crawl.objects.filter(pk=crawl.pk).update(pages=4)
    page_changes.add_due_pages(crawl.pk)
    assert crawl.frontier.filter(state=FrontierUrl.State.PENDING).count() == 2, "as many as are left of the budget"


def test_linked_known_page_is_queued_only_if_dated_as_changed(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for n in range(3):
        record_visit(new_watch, f"/{n}", b"0", now() - 2 * DAY)
    crawl = start_crawl(new_watch, pages=3)
    links = [NewUrl(f"{SITE_URL}/{n}", "page", 1, pattern=f"{SITE_URL}/*") for n in range(4)]

    def next_urls(*dates: datetime | None) -> list[str]:
        return [
            new.url.removeprefix(SITE_URL)
            for new in page_changes.filter_links(crawl, list(zip(links, dates, strict=True)))
        ]

    assert next_urls(None, None, None, None) == ["/3"]
    assert next_urls(now() - DAY, now() - 3 * DAY, None, None) == ["/0", "/3"]
    changed, new = page_changes.filter_links(crawl, [(links[0], now() - DAY), (links[1], None), (links[3], None)])
    assert (changed.pattern, new.pattern) == ("", links[3].pattern), "what has changed isn't left out as repetitive"
    assert next_urls(now() - DAY, now(), now(), now()) == ["/3"], "a server that dates everything again says nothing"
    assert next_urls(now() + 3 * DAY, None, None, None) == ["/3"], "what will change hasn't"


def test_missing_pages_are_deleted_and_refused_pages_stay_due(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for path in ("/gone", "/refused", "/file"):
        record_visit(new_watch, path, b"0", now() - 9 * DAY)
    refused = {"/gone": "http-404", "/refused": "http-503", "/stranger": "http-404", "/file": "not-a-page"}
    record_visit(new_watch, "/other", b"0", now(), **refused)
    pages_by_path = {page.url.removeprefix(SITE_URL): page for page in new_watch.known_pages.all()}
    assert set(pages_by_path) == {"/other", "/refused", "/file"}
    assert now() - pages_by_path["/file"].visited_at < timedelta(minutes=1)
    assert (pages_by_path["/refused"].visits, pages_by_path["/refused"].changes) == (0, 0)
    crawl = start_crawl(new_watch)
    new_urls = NewUrl(f"{SITE_URL}/refused", "page", 1), NewUrl(f"{SITE_URL}/other", "page", 1)
    assert page_changes.filter_links(crawl, [(new_urls[0], now() - DAY), (new_urls[1], now() - DAY)]) == [
        new_urls[0]
    ], "changed since"


def test_unresponsive_pages_do_not_delay_other_pages(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for _ in range(3):
        end_crawl(start_crawl(new_watch))
    for path, days in {"/blocked-1": 300, "/blocked-2": 300, "/1": 40, "/2": 40}.items():
        page_changes.store_visits(new_watch.pk, 1, [PageVisit(SITE_URL + path, 1, b"0", now() - days * DAY)], {})
    page_changes.store_visits(new_watch.pk, 3, [], {f"{SITE_URL}/blocked-{n}": "http-403" for n in (1, 2)})
    assert set(list_pending_urls(start_crawl(new_watch, pages=4))) == {"/1", "/2"}


@pytest.mark.parametrize("reason", ["wall", "http-403", "http-408", "http-429", "http-503", "timeout"])
def test_page_that_did_not_respond_is_requested_again_in_the_next_run(db: None, reason: str) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    before = start_crawl(new_watch)
    add_urls(before.pk, [NewUrl(f"{SITE_URL}/{n}", "page", 1) for n in range(2)])
    before.frontier.filter(depth=1).update(state=FrontierUrl.State.REFUSED)
    for n, why in enumerate((reason, "not-a-page")):
        make_refusal(before.pk, f"{SITE_URL}/{n}", why, Sentence("No.")).save()
    end_crawl(before)
    record_visit(new_watch, "/known", b"0", now())
    assert list_pending_urls(start_crawl(new_watch)) == ["/0"]


def test_all_due_and_unvisited_pages_are_added_beyond_batch_size(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_changes, "MAX_ADDED", 2)
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    before = start_crawl(new_watch)
    add_urls(before.pk, [NewUrl(f"{SITE_URL}/new-{n}", "page", 1) for n in range(7)])
    end_crawl(before)
    for n in range(5):
        record_visit(new_watch, f"/due-{n}", b"0", now() - 40 * DAY)
    crawl = start_crawl(new_watch, pages=100)
    assert {path for path in list_pending_urls(crawl) if path.startswith("/due")} == {f"/due-{n}" for n in range(5)}
    Crawl.objects.filter(pk=crawl.pk).update(state=StepState.DONE, reason="stopped")
    page_changes.count_skipped_pages(crawl.pk)
    assert {path for path in list_pending_urls(crawl) if path.startswith("/new")} == {f"/new-{n}" for n in range(7)}
    assert len([path for path in list_pending_urls(before) if path.startswith("/new")]) == 2, (
        "what it took when it began"
    )
    page_changes.count_skipped_pages(crawl.pk)
    assert len([path for path in list_pending_urls(crawl) if path.startswith("/new")]) == 7


def test_unvisited_pages_survive_interrupted_end_of_run(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    before = start_crawl(new_watch)
    end_crawl(before)
    record_visit(new_watch, "/known", b"0", now())
    crawl = start_crawl(new_watch)
    add_urls(before.pk, [NewUrl(f"{SITE_URL}/new-{n}", "page", 1) for n in range(7)])
    Crawl.objects.filter(pk=crawl.pk).update(state=StepState.DONE, reason="stopped")
    assert [path for path in list_pending_urls(start_crawl(new_watch)) if path.startswith("/new")], (
        "nobody has concluded the run before"
    )


def test_temporarily_unavailable_feed_is_requested_again_and_removed_feed_is_not(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    before = start_crawl(new_watch)
    add_urls(before.pk, [NewUrl(f"{SITE_URL}/{name}", "feed", 1) for name in ("busy", "gone", "fine")])
    before.frontier.filter(url__in=[f"{SITE_URL}/busy", f"{SITE_URL}/gone"]).update(state=FrontierUrl.State.REFUSED)
    for name, why in {"busy": "http-503", "gone": "http-404"}.items():
        make_refusal(before.pk, f"{SITE_URL}/{name}", why, Sentence("No.")).save()
    end_crawl(before)
    record_visit(new_watch, "/known", b"0", now())
    assert set(list_pending_urls(start_crawl(new_watch))) == {"/busy", "/fine"}


def test_not_modified_response_counts_as_visit_without_change(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for at, content in ((3, b"a"), (2, b""), (1, b"a"), (0, b"b")):
        record_visit(new_watch, "/", content, now() - at * DAY)
    page = KnownPage.objects.get()
    assert (page.visits, page.changes, bytes(page.shown)) == (3, 1, b"b")
    assert page.days == pytest.approx(3, abs=0.01)


def test_page_of_a_known_copy_is_visited_in_each_run(inline: SyncRunner, shop: Watch) -> None:
    source = shop.sources[0]["url"].rstrip("/")
    url = f"{source}/known_copy"
    copy_checks.add_known_copy(register(inline.services, shop.owner, photograph(1)).work, shop, url, by="Ann")
    for n in range(30):
        page_changes.store_visits(shop.pk, 0, [PageVisit(f"{source}/{n}", 1, b"0", now() - 40 * DAY)], {})
    page_changes.store_visits(shop.pk, 0, [PageVisit(url, 1, b"0", now())], {})
    page_changes.store_visits(shop.pk, 0, [], {url: "http-404", f"{source}/0": "http-404"})
    assert set(shop.known_pages.values_list("url", flat=True)) == {url, *(f"{source}/{n}" for n in range(1, 30))}
    crawl = start_crawl(shop, pages=8)
    assert crawl.frontier.filter(url=url).exists()


@pytest.fixture
def site(inline: SyncRunner) -> Iterator[Shop]:
    """Fifteen pages with one image each, linked from the first page."""
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Site(host="127.0.0.14") as served:
        new_shop = Shop(served)
        for number in range(15):
            new_shop.image(f"/{number}.jpg", photograph(number))
            new_shop.page(f"/{number}", f"/{number}.jpg")
        yield new_shop


@pytest.mark.long
def test_large_site_is_covered_over_runs_and_changes_are_revisited(inline: SyncRunner, site: Shop) -> None:
    new_watch = create_watch(owner("studio"), site.url("/0"), pages=5)

    def run() -> set[str]:
        """Return the paths of the pages that the next run visits, a day later."""
        KnownPage.objects.update(visited_at=now() - DAY)
        run_now(new_watch)
        inline.run_until_idle()
        latest = new_watch.crawls.order_by("-number").first()
        assert latest is not None
        assert latest.pages == 5, "no more than the budget, and no less"
        done = latest.frontier.filter(kind="page", state=FrontierUrl.State.DONE)
        return {url.rpartition("/")[2] for url in done.values_list("url", flat=True)}

    runs = [run() for _ in range(6)]
    assert set().union(*runs) == {str(number) for number in range(15)}
    new_watch.known_pages.update(visits=20, changes=0, days=20)
    new_watch.known_pages.filter(url=site.url("/4")).update(changes=10, unchanged=0)
    for number in range(3):
        site.image("/new.jpg", photograph(100 + number))
        site.page("/4", "/4.jpg", f"/new.jpg?{number}")
        assert "4" in run()
    assert new_watch.known_pages.get(url=site.url("/4")).changes == 13
    assert set(new_watch.known_pages.values_list("changes", flat=True)) == {0, 13}


@pytest.mark.long
def test_unchanged_pages_are_sampled_and_all_visited_within_16_runs(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for n in range(400):
        page_changes.store_visits(new_watch.pk, 1, [PageVisit(f"{SITE_URL}/{n}", 1, b"0", now())], {})
    requests: list[set[str]] = []
    for run in range(2, 18):
        crawl = start_crawl(new_watch)
        Crawl.objects.filter(pk=crawl.pk).update(number=run)
        crawl.refresh_from_db()
        assert list_pending_urls(crawl) == [], "nothing is due by itself"
        crawl.frontier.update(state=FrontierUrl.State.DONE)
        page_changes.add_due_pages(crawl.pk)
        requests.append(set(list_pending_urls(crawl)))
        assert len(requests[-1]) == 25
        page_changes.add_due_pages(crawl.pk)
        crawl.frontier.update(state=FrontierUrl.State.DONE)
        page_changes.store_visits(
            new_watch.pk, run, [PageVisit(SITE_URL + path, 1, b"0", now()) for path in requests[-1]], {}
        )
        page_changes.add_due_pages(crawl.pk)
        assert set(list_pending_urls(crawl)) == requests[-1], "what is as it was brings no others"
        end_crawl(crawl)
        page_changes.count_skipped_pages(crawl.pk)
        crawl.refresh_from_db()
        assert crawl.skipped_pages == {"unchanged": 375}
    assert len(set().union(*requests)) == 400


@pytest.mark.long
def test_weekly_watch_visits_all_pages_within_30_days(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    Watch.objects.filter(pk=new_watch.pk).update(interval_seconds=7 * 86_400)
    for n in range(400):
        page_changes.store_visits(new_watch.pk, 1, [PageVisit(f"{SITE_URL}/{n}", 1, b"0", now())], {})
    crawl = start_crawl(new_watch)
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    page_changes.add_due_pages(crawl.pk)
    assert len(list_pending_urls(crawl)) == 94


@pytest.mark.long
def test_change_in_sampled_pages_triggers_visits_to_the_rest_of_the_host(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for n in range(400):
        page_changes.store_visits(new_watch.pk, 0, [PageVisit(f"{SITE_URL}/{n}", 1, b"0", now())], {})
    crawl = start_crawl(new_watch)
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    page_changes.add_due_pages(crawl.pk)
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    sample = list_pending_urls(crawl)
    for n, path in enumerate(sample):
        page_changes.store_visits(
            new_watch.pk, crawl.number, [PageVisit(SITE_URL + path, 1, b"1" if n < 6 else b"0", now())], {}
        )
    page_changes.add_due_pages(crawl.pk)
    assert len(list_pending_urls(crawl)) == 25
    page_changes.store_visits(new_watch.pk, crawl.number, [PageVisit(SITE_URL + sample[6], 1, b"1", now())], {})
    page_changes.add_due_pages(crawl.pk)
    assert len(list_pending_urls(crawl)) == 400


@pytest.mark.long
def test_pages_declared_unchanged_by_the_site_are_sampled_by_age_only(db: None) -> None:
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for n in range(300):
        fresh = {"fresh_seconds": 90_000} if n < 120 else {}
        visit = PageVisit(f"{SITE_URL}/{n}", 1, b"0", now() - DAY / 2, **fresh)  # type: ignore[arg-type]
        page_changes.store_visits(new_watch.pk, 0, [visit], {})
    crawl = start_crawl(new_watch)
    dated = [(NewUrl(f"{SITE_URL}/{n}", "page", 1), now() - 9 * DAY) for n in range(120, 300)]
    assert page_changes.filter_links(crawl, dated) == []
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    page_changes.add_due_pages(crawl.pk)
    assert len(list_pending_urls(crawl)) == 10
    end_crawl(crawl)
    page_changes.count_skipped_pages(crawl.pk)
    crawl.refresh_from_db()
    assert crawl.skipped_pages == {"stated": 290}


def test_conditional_requests_alternate_and_skip_known_copies(inline: SyncRunner, shop: Watch) -> None:
    source = shop.sources[0]["url"].rstrip("/")
    pages = [f"{source}/{n}" for n in range(10)] + [f"{source}/known_copy"]
    copy_checks.add_known_copy(register(inline.services, shop.owner, photograph(1)).work, shop, pages[-1], by="Ann")
    visits = [PageVisit(url, 1, b"0", now(), etag='"1"') for url in pages]
    page_changes.store_visits(shop.pk, 1, visits, {})
    Watch.objects.update(everything=False)
    crawl = start_crawl(shop)
    assert page_changes.load_validators(crawl, pages) == dict.fromkeys(pages[:-1], ('"1"', ""))
    page_changes.store_visits(shop.pk, 1, [replace(visits[0], content_digest=b"")], {})
    assert set(page_changes.load_validators(crawl, pages)) == set(pages[1:-1])
    page_changes.store_visits(shop.pk, 1, [replace(visits[0], etag='"2"')], {})
    assert page_changes.load_validators(crawl, pages)[pages[0]] == ('"2"', "")
    watch_settings.change_watch(shop, budget={}, politeness={}, by="Ann")
    assert len(page_changes.load_validators(crawl, pages)) == 10
    watch_settings.change_watch(shop, budget={"depth": 9}, politeness={}, by="Ann")
    assert page_changes.load_validators(crawl, pages) == {}, "of what it sees now the last visit said nothing"


def test_unchanged_site_is_answered_without_bytes_in_the_second_run(inline: SyncRunner, site: Shop) -> None:
    studio_owner = owner("studio")
    site.serve("/style.css", b"body{background:url(/back.jpg)}", "text/css")
    site.image("/back.jpg", photograph(1))
    site.image("/front.jpg", photograph(2))
    head = '<link rel="stylesheet" href="/style.css"><script src="/app.js"></script>'
    for path, link in (("/", '<a href="/next">next</a>'), ("/next", '<img src="/missing.jpg">')):
        page = f'<title>Page</title>{head}{link}<img src="/front.jpg">'
        site.serve(path, page.encode(), "text/html; charset=utf-8")
    watch = create_watch(studio_owner, site.url("/"), render="never")

    def run() -> tuple[set[str], set[str]]:
        """Run the watch, and return the paths that were requested, and those whose request was conditional."""
        site.site.requests.clear()
        run_now(watch)
        inline.run_until_idle()
        requests = [request for request in site.site.requests if not request.path.endswith(".txt")]
        conditional = {request.path for request in requests if "if-none-match" in request.headers}
        return {request.path for request in requests}, conditional

    assert {"/", "/next", "/style.css", "/back.jpg", "/front.jpg", "/missing.jpg"} <= run()[0]
    second, conditional = run()
    assert {"/", "/next"} <= conditional
    assert not second & {"/back.jpg", "/front.jpg", "/missing.jpg"}
    third, conditional = run()
    assert {"/", "/next", "/style.css", "/back.jpg", "/front.jpg", "/missing.jpg"} <= third
    assert {"/style.css", "/back.jpg", "/front.jpg"} <= conditional
    site.serve("/style.css", b"body{background:url(/new.jpg)}", "text/css")
    site.image("/new.jpg", photograph(3))
    site.serve("/next", b'<title>New</title><link rel="stylesheet" href="/style.css">', "text/html; charset=utf-8")
    assert "/new.jpg" in run()[0]
    sheet = watch.known_sheets.get()
    assert sheet.images == [site.url("/new.jpg")]
    last_crawl = watch.crawls.latest("number")
    assert [known.url for known in known_pages.load_sheets(last_crawl)] == [site.url("/style.css")]
    last_crawl.number += page_changes.MAX_RUNS
    assert known_pages.load_sheets(last_crawl) == ()


def test_page_that_is_also_named_as_a_style_sheet_is_read_as_a_page(inline: SyncRunner, site: Shop) -> None:
    page = '<title>Page</title><link rel="stylesheet" href="/"><img src="/0.jpg">'
    site.serve("/", page.encode(), "text/html; charset=utf-8")
    watch = create_watch(owner("studio"), site.url("/"), render="never")
    register(inline.services, watch.owner, photograph(0))
    for _ in range(3):
        site.site.requests.clear()
        run_now(watch)
        inline.run_until_idle()
        assert any(
            request.path == "/" and "if-none-match" not in request.headers and "text/html" in request.headers["accept"]
            for request in site.site.requests
        )


def test_full_run_skips_no_pages_and_next_run_is_selective(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_changes, "MAX_ADDED", 20)  # fewer than the known pages
    new_watch = create_watch(owner("studio"), f"{SITE_URL}/")
    for n in range(40):
        page_changes.store_visits(new_watch.pk, 0, [PageVisit(f"{SITE_URL}/{n}", 1, b"0", now(), etag='"1"')], {})
    crawl = schedules.start_unscheduled_crawl(new_watch.pk, everything=True)
    assert crawl is not None
    assert (crawl.everything, crawl.by_change) == (True, False)
    assert page_changes.load_validators(crawl, [f"{SITE_URL}/1"]) == {}
    end_crawl(crawl)
    second_crawl = schedules.start_unscheduled_crawl(new_watch.pk)
    assert second_crawl is not None
    assert (second_crawl.everything, second_crawl.by_change) == (False, True)


@pytest.mark.long
def test_second_run_requests_a_tenth_of_pages_plus_matched_and_updated_pages(inline: SyncRunner, site: Shop) -> None:
    for number in range(15, 120):
        site.image(f"/{number}.jpg", photograph(7) if number % 15 == 7 else picture(number))
        site.page(f"/{number}", f"/{number}.jpg", f"/{number}.jpg?large")
    site.serve("/robots.txt", f"Sitemap: {site.url('/sitemap.xml')}".encode(), "text/plain")
    studio = owner("studio")
    register(inline.services, studio, photograph(7))
    new_watch = create_watch(studio, site.url("/0"))

    def run(**dated: str) -> list[str]:
        """Return the paths that the next run requests."""
        entries = (f"<url><loc>{site.url(path)}</loc><lastmod>{day}</lastmod></url>" for path, day in dated.items())
        site.serve("/sitemap.xml", f"<urlset>{''.join(entries)}</urlset>".encode(), "application/xml")
        site.site.requests.clear()
        run_now(new_watch)
        inline.run_until_idle()
        return site.site.requested_paths()

    old = {f"/{number}": "2020-01-01" for number in range(120)}
    first = len(run(**old))
    assert first > 340, "120 pages and 225 pictures"
    assert studio.cases.get().party == "127.0.0.14"
    second = run(**{**old, "/99": (now() + DAY / 2).isoformat()})
    assert len(second) <= first / 10 + 3 * 8, "but for eight pages of finds with their two pictures"
    finds = {f"/{number}" for number in range(7, 120, 15)}
    assert {*finds, *(f"{path}.jpg" for path in finds), "/99", "/0", "/sitemap.xml"} <= set(second)
    latest = new_watch.crawls.get(number=2)
    assert latest.skipped_pages == {"stated": 120 - len({path for path in second if path in old})}
    page_changes.store_visits(new_watch.pk, 2, [], {site.url(path): "http-410" for path in old})
    assert set(new_watch.known_pages.values_list("url", flat=True)) == {site.url(path) for path in finds}, (
        "may come back"
    )
