"""Test that pages are revisited when they have probably changed, within an unchanged budget."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exhibit.clock import now
from exhibit.sentences import Sentence
from registry.crawls import canaries, changes, schedules, watching
from registry.crawls.changes import Visited
from registry.crawls.crawling import NewUrl, add_urls, refusal
from registry.models import Crawl, FrontierUrl, KnownPage, StepState, Watch
from tests.assets.rows import owner, photograph, register
from tests.assets.shop import LOOPBACK, Shop, run_now, watch
from tests.assets.site import Site, picture
from tests.assets.watched import shop, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["shop", "studio"]

HERE = "http://shop.example"
DAY = timedelta(days=1)


def visit(of: Watch, path: str, shown: bytes, at: datetime, **refused: str) -> None:
    """Record a visit to a page of the watch, as the end of a slice does."""
    changes.keep(of.pk, 0, [Visited(HERE + path, 1, shown, at)], {HERE + page: why for page, why in refused.items()})


def history(of: Watch, path: str, changed: str, first: datetime) -> None:
    """Record daily visits; ``x`` in ``changed`` marks each that found the page changed."""
    visit(of, path, b"0", first)
    shown = 0
    for day, sign in enumerate(changed, start=1):
        shown += sign == "x"
        visit(of, path, str(shown).encode(), first + day * DAY)


def ended(crawl: Crawl) -> None:
    """Mark a crawl as finished."""
    Crawl.objects.filter(pk=crawl.pk).update(state=StepState.DONE)


def begun(of: Watch, **budget: int) -> Crawl:
    """Start the next crawl of a watch with a budget."""
    Watch.objects.filter(pk=of.pk).update(budget=budget)
    run_now(of)
    crawl = schedules.start_crawl(of.pk)
    assert crawl is not None
    return crawl


def waiting(crawl: Crawl) -> list[str]:
    """Return the paths of the waiting pages, without the source."""
    rows = crawl.frontier.filter(depth=1).order_by("id")
    return [url.removeprefix(HERE) for url in rows.values_list("url", flat=True)]


def test_what_changed_often_or_long_ago_comes_first_and_no_more_than_half(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    first = now() - 9 * DAY
    history(made, "/often", "xxxxxxxx", first)
    history(made, "/never", "........", first)
    history(made, "/once", "...x....", first)
    visit(made, "/long-ago", b"0", now() - 300 * DAY)
    history(made, "/lately", "x", now() - DAY)
    assert changes.changed_weekly(made.pk) == (1, 3)
    KnownPage.objects.filter(url=f"{HERE}/lately").delete()
    crawl = begun(made, pages=4, depth=3)
    assert set(waiting(crawl)) == {"/often", "/long-ago"}
    ended(crawl)
    rest = begun(made, pages=5, depth=3)
    assert set(waiting(rest)) == {"/often", "/long-ago"}, "where there is time for all, the others come at the end"
    rest.frontier.update(state=FrontierUrl.State.DONE)
    changes.add_due(rest.pk)
    assert set(waiting(rest)) == {"/often", "/long-ago", "/never"}, "and what changed long ago, later"


def test_pages_for_which_the_run_before_had_no_time_get_the_other_half(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    before = begun(made, pages=2)
    rows = [NewUrl(f"{HERE}/new-{n}", "page", 1) for n in range(5)]
    elsewhere = [NewUrl("http://other.example/", "page", 1)]
    add_urls(before.pk, [*elsewhere, *rows])
    ended(before)
    for n in range(4):
        visit(made, f"/{n}", b"0", now() - DAY)
    crawl = begun(made, pages=4)
    assert len([path for path in waiting(crawl) if path.startswith("/new-")]) <= 2
    assert len(waiting(crawl)) >= 3
    assert not crawl.frontier.filter(host="other.example").exists()


def test_pages_of_a_site_that_was_removed_take_no_others_place(db: None) -> None:
    made, other = watch(owner("studio"), f"{HERE}/"), ("site", "http://other.example/")
    watching.change_sources(made, add=[other], by="Ann")
    for n in range(9):
        changes.keep(made.pk, 0, [Visited(f"http://other.example/{n}", 1, b"0", now() - 300 * DAY)], {})
    visit(made, "/here", b"0", now() - 40 * DAY)
    watching.change_sources(made, remove=[other], by="Ann")
    assert waiting(begun(made, pages=2)) == ["/here"]


def test_an_endless_pattern_of_the_run_before_takes_no_more_than_its_turn(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    before = begun(made, pages=2)
    months = [NewUrl(f"{HERE}/calendar/{n}", "page", 1, pattern="calendar") for n in range(9)]
    goods = [NewUrl(f"{HERE}/goods/{n}", "page", 1, pattern="goods") for n in range(2)]
    add_urls(before.pk, [*months, *goods])
    ended(before)
    for n in range(10):
        visit(made, f"/{n}", b"0", now() - DAY)
    paths = waiting(begun(made, pages=10))
    assert {path for path in paths if path.startswith("/goods/")} == {"/goods/0", "/goods/1"}


def test_when_nothing_else_waits_the_rest_of_what_is_known_follows(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    for n in range(6):
        visit(made, f"/{n}", b"0", now() - n * DAY)
    crawl = begun(made, pages=6)
    assert waiting(crawl) == [] or len(waiting(crawl)) == 3
    changes.add_due(crawl.pk)
    assert len(waiting(crawl)) == 3, "while others wait, none is added"
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    Crawl.objects.filter(pk=crawl.pk).update(pages=4)
    changes.add_due(crawl.pk)
    assert crawl.frontier.filter(state=FrontierUrl.State.PENDING).count() == 2, "as many as are left of the budget"


def test_a_link_to_a_known_page_waits_for_its_turn_unless_the_document_says_that_it_has_changed(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    for n in range(3):
        visit(made, f"/{n}", b"0", now() - 2 * DAY)
    crawl = begun(made, pages=3)
    links = [NewUrl(f"{HERE}/{n}", "page", 1, pattern=f"{HERE}/*") for n in range(4)]

    def taken(*dates: datetime | None) -> list[str]:
        return [new.url.removeprefix(HERE) for new in changes.due_or_new(crawl, list(zip(links, dates, strict=True)))]

    assert taken(None, None, None, None) == ["/3"]
    assert taken(now() - DAY, now() - 3 * DAY, None, None) == ["/0", "/3"]
    changed, new = changes.due_or_new(crawl, [(links[0], now() - DAY), (links[1], None), (links[3], None)])
    assert (changed.pattern, new.pattern) == ("", links[3].pattern), "what has changed isn't left out as repetitive"
    assert taken(now() - DAY, now(), now(), now()) == ["/3"], "a server that dates everything anew says nothing"
    assert taken(now() + 3 * DAY, None, None, None) == ["/3"], "what will change hasn't"


def test_what_has_gone_is_forgotten_and_what_refused_waits_its_turn(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    for path in ("/gone", "/refused", "/file"):
        visit(made, path, b"0", now() - 9 * DAY)
    refused = {"/gone": "http-404", "/refused": "http-503", "/stranger": "http-404", "/file": "not-a-page"}
    visit(made, "/other", b"0", now(), **refused)
    known = {page.url.removeprefix(HERE): page for page in made.known_pages.all()}
    assert set(known) == {"/other", "/refused", "/file"}
    assert now() - known["/file"].visited_at < timedelta(minutes=1)
    assert (known["/refused"].visits, known["/refused"].changes) == (0, 0)
    crawl = begun(made)
    named = NewUrl(f"{HERE}/refused", "page", 1), NewUrl(f"{HERE}/other", "page", 1)
    assert changes.due_or_new(crawl, [(named[0], now() - DAY), (named[1], now() - DAY)]) == [named[0]], "changed since"


def test_pages_that_have_not_answered_for_long_leave_the_others_their_turn(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    for _ in range(3):
        ended(begun(made))
    for path, days in {"/blocked-1": 300, "/blocked-2": 300, "/1": 40, "/2": 40}.items():
        changes.keep(made.pk, 1, [Visited(HERE + path, 1, b"0", now() - days * DAY)], {})
    changes.keep(made.pk, 3, [], {f"{HERE}/blocked-{n}": "http-403" for n in (1, 2)})
    assert set(waiting(begun(made, pages=4))) == {"/1", "/2"}


@pytest.mark.parametrize("reason", ["wall", "http-403", "http-408", "http-429", "http-503", "timeout"])
def test_a_page_that_never_answered_is_asked_again_by_the_next_run(db: None, reason: str) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    before = begun(made)
    add_urls(before.pk, [NewUrl(f"{HERE}/{n}", "page", 1) for n in range(2)])
    before.frontier.filter(depth=1).update(state=FrontierUrl.State.REFUSED)
    for n, why in enumerate((reason, "not-a-page")):
        refusal(before.pk, f"{HERE}/{n}", why, Sentence("No.")).save()
    ended(before)
    visit(made, "/known", b"0", now())
    assert waiting(begun(made)) == ["/0"]


def test_however_many_pages_are_due_or_were_never_visited_none_is_left_or_forgotten(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_ADDED", 2)
    made = watch(owner("studio"), f"{HERE}/")
    before = begun(made)
    add_urls(before.pk, [NewUrl(f"{HERE}/new-{n}", "page", 1) for n in range(7)])
    ended(before)
    for n in range(5):
        visit(made, f"/due-{n}", b"0", now() - 40 * DAY)
    crawl = begun(made, pages=100)
    assert {path for path in waiting(crawl) if path.startswith("/due")} == {f"/due-{n}" for n in range(5)}
    Crawl.objects.filter(pk=crawl.pk).update(state=StepState.DONE, reason="stopped")
    changes.conclude(crawl.pk)
    assert {path for path in waiting(crawl) if path.startswith("/new")} == {f"/new-{n}" for n in range(7)}
    assert len([path for path in waiting(before) if path.startswith("/new")]) == 2, "what it took when it began"
    changes.conclude(crawl.pk)
    assert len([path for path in waiting(crawl) if path.startswith("/new")]) == 7


def test_what_waits_is_not_forgotten_where_the_end_of_a_run_broke_off(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    before = begun(made)
    ended(before)
    visit(made, "/known", b"0", now())
    crawl = begun(made)
    add_urls(before.pk, [NewUrl(f"{HERE}/new-{n}", "page", 1) for n in range(7)])
    Crawl.objects.filter(pk=crawl.pk).update(state=StepState.DONE, reason="stopped")
    assert [path for path in waiting(begun(made)) if path.startswith("/new")], "nobody has concluded the run before"


def test_a_feed_that_was_busy_is_asked_again_by_the_next_run_and_one_that_has_gone_is_not(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    before = begun(made)
    add_urls(before.pk, [NewUrl(f"{HERE}/{name}", "feed", 1) for name in ("busy", "gone", "fine")])
    before.frontier.filter(url__in=[f"{HERE}/busy", f"{HERE}/gone"]).update(state=FrontierUrl.State.REFUSED)
    for name, why in {"busy": "http-503", "gone": "http-404"}.items():
        refusal(before.pk, f"{HERE}/{name}", why, Sentence("No.")).save()
    ended(before)
    visit(made, "/known", b"0", now())
    assert set(waiting(begun(made))) == {"/busy", "/fine"}


def test_an_answer_that_nothing_has_changed_counts_as_a_visit_without_a_change(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    for at, shown in ((3, b"a"), (2, b""), (1, b"a"), (0, b"b")):
        visit(made, "/", shown, now() - at * DAY)
    page = KnownPage.objects.get()
    assert (page.visits, page.changes, bytes(page.shown)) == (3, 1, b"b")
    assert page.days == pytest.approx(3, abs=0.01)


def test_the_page_of_a_canary_is_visited_in_each_run(inline: SyncRunner, shop: Watch) -> None:
    source = shop.sources[0]["url"].rstrip("/")
    url = f"{source}/canary"
    canaries.plant(register(inline.services, shop.owner, photograph(1)).work, shop, url, by="Ann")
    for n in range(30):
        changes.keep(shop.pk, 0, [Visited(f"{source}/{n}", 1, b"0", now() - 40 * DAY)], {})
    changes.keep(shop.pk, 0, [Visited(url, 1, b"0", now())], {})
    changes.keep(shop.pk, 0, [], {url: "http-404", f"{source}/0": "http-404"})
    assert set(shop.known_pages.values_list("url", flat=True)) == {url, *(f"{source}/{n}" for n in range(1, 30))}
    crawl = begun(shop, pages=8)
    assert crawl.frontier.filter(url=url).exists()


@pytest.fixture
def site(inline: SyncRunner) -> Iterator[Shop]:
    """Fifteen pages with one image each, linked from the first."""
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    with Site(host="127.0.0.14") as served:
        made = Shop(served)
        for number in range(15):
            made.image(f"/{number}.jpg", photograph(number))
            made.page(f"/{number}", f"/{number}.jpg")
        yield made


@pytest.mark.long
def test_run_by_run_a_site_larger_than_the_budget_is_seen_whole_and_then_its_changes(
    inline: SyncRunner, site: Shop
) -> None:
    made = watch(owner("studio"), site.url("/0"), pages=5)

    def run() -> set[str]:
        """Return the paths of the pages that the next run visits, a day later."""
        KnownPage.objects.update(visited_at=now() - DAY)
        run_now(made)
        inline.run_until_idle()
        latest = made.crawls.order_by("-number").first()
        assert latest is not None
        assert latest.pages == 5, "no more than the budget, and no less"
        done = latest.frontier.filter(kind="page", state=FrontierUrl.State.DONE)
        return {url.rpartition("/")[2] for url in done.values_list("url", flat=True)}

    asked = [run() for _ in range(6)]
    assert set().union(*asked) == {str(number) for number in range(15)}
    made.known_pages.update(visits=20, changes=0, days=20)
    made.known_pages.filter(url=site.url("/4")).update(changes=10, unchanged=0)
    for number in range(3):
        site.image("/new.jpg", photograph(100 + number))
        site.page("/4", "/4.jpg", f"/new.jpg?{number}")
        assert "4" in run()
    assert made.known_pages.get(url=site.url("/4")).changes == 13
    assert set(made.known_pages.values_list("changes", flat=True)) == {0, 13}


@pytest.mark.long
def test_of_many_pages_that_never_change_a_run_asks_a_sample_and_each_comes_within_sixteen_runs(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    for n in range(400):
        changes.keep(made.pk, 1, [Visited(f"{HERE}/{n}", 1, b"0", now())], {})
    asked: list[set[str]] = []
    for run in range(2, 18):
        crawl = begun(made)
        Crawl.objects.filter(pk=crawl.pk).update(number=run)
        crawl.refresh_from_db()
        assert waiting(crawl) == [], "nothing is due by itself"
        crawl.frontier.update(state=FrontierUrl.State.DONE)
        changes.add_due(crawl.pk)
        asked.append(set(waiting(crawl)))
        assert len(asked[-1]) == 25
        changes.add_due(crawl.pk)
        crawl.frontier.update(state=FrontierUrl.State.DONE)
        changes.keep(made.pk, run, [Visited(HERE + path, 1, b"0", now()) for path in asked[-1]], {})
        changes.add_due(crawl.pk)
        assert set(waiting(crawl)) == asked[-1], "what is as it was brings no others"
        ended(crawl)
        changes.conclude(crawl.pk)
        crawl.refresh_from_db()
        assert crawl.not_asked == {"unchanged": 375}
    assert len(set().union(*asked)) == 400


@pytest.mark.long
def test_pages_of_a_weekly_watch_come_within_thirty_days(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    Watch.objects.filter(pk=made.pk).update(interval_seconds=7 * 86_400)
    for n in range(400):
        changes.keep(made.pk, 1, [Visited(f"{HERE}/{n}", 1, b"0", now())], {})
    crawl = begun(made)
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    changes.add_due(crawl.pk)
    assert len(waiting(crawl)) == 94


@pytest.mark.long
def test_where_a_quarter_of_the_sample_has_changed_the_rest_of_its_host_is_asked_in_the_same_run(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    for n in range(400):
        changes.keep(made.pk, 0, [Visited(f"{HERE}/{n}", 1, b"0", now())], {})
    crawl = begun(made)
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    changes.add_due(crawl.pk)
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    sample = waiting(crawl)
    for n, path in enumerate(sample):
        changes.keep(made.pk, crawl.number, [Visited(HERE + path, 1, b"1" if n < 6 else b"0", now())], {})
    changes.add_due(crawl.pk)
    assert len(waiting(crawl)) == 25
    changes.keep(made.pk, crawl.number, [Visited(HERE + sample[6], 1, b"1", now())], {})
    changes.add_due(crawl.pk)
    assert len(waiting(crawl)) == 400


@pytest.mark.long
def test_what_a_site_says_is_unchanged_is_sampled_by_the_days_alone(db: None) -> None:
    made = watch(owner("studio"), f"{HERE}/")
    for n in range(300):
        fresh = {"fresh_seconds": 90_000} if n < 120 else {}
        changes.keep(made.pk, 0, [Visited(f"{HERE}/{n}", 1, b"0", now() - DAY / 2, **fresh)], {})  # type: ignore[arg-type]
    crawl = begun(made)
    dated = [(NewUrl(f"{HERE}/{n}", "page", 1), now() - 9 * DAY) for n in range(120, 300)]
    assert changes.due_or_new(crawl, dated) == []
    crawl.frontier.update(state=FrontierUrl.State.DONE)
    changes.add_due(crawl.pk)
    assert len(waiting(crawl)) == 10
    ended(crawl)
    changes.conclude(crawl.pk)
    crawl.refresh_from_db()
    assert crawl.not_asked == {"stated": 290}


def test_a_page_is_asked_on_a_condition_but_each_second_time_whole_and_whole_where_a_known_copy_stands(
    inline: SyncRunner, shop: Watch
) -> None:
    source = shop.sources[0]["url"].rstrip("/")
    pages = [f"{source}/{n}" for n in range(10)] + [f"{source}/canary"]
    canaries.plant(register(inline.services, shop.owner, photograph(1)).work, shop, pages[-1], by="Ann")
    visits = [Visited(url, 1, b"0", now(), etag='"1"') for url in pages]
    changes.keep(shop.pk, 1, visits, {})
    Watch.objects.update(everything=False)
    crawl = begun(shop)
    assert changes.validators(crawl, pages) == dict.fromkeys(pages[:-1], ('"1"', ""))
    changes.keep(shop.pk, 1, [replace(visits[0], shown=b"")], {})
    assert set(changes.validators(crawl, pages)) == set(pages[1:-1])
    changes.keep(shop.pk, 1, [replace(visits[0], etag='"2"')], {})
    assert changes.validators(crawl, pages)[pages[0]] == ('"2"', "")
    watching.change_watch(shop, budget={}, politeness={}, by="Ann")
    assert len(changes.validators(crawl, pages)) == 10
    watching.change_watch(shop, budget={"depth": 9}, politeness={}, by="Ann")
    assert changes.validators(crawl, pages) == {}, "of what it sees now the last visit said nothing"


def test_a_run_that_asks_for_everything_leaves_nothing_alone_and_the_next_one_does_again(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MAX_ADDED", 20)  # however many are known
    made = watch(owner("studio"), f"{HERE}/")
    for n in range(40):
        changes.keep(made.pk, 0, [Visited(f"{HERE}/{n}", 1, b"0", now(), etag='"1"')], {})
    crawl = schedules.start_between(made.pk, everything=True)
    assert crawl is not None
    assert (crawl.everything, crawl.by_change) == (True, False)
    assert changes.validators(crawl, [f"{HERE}/1"]) == {}
    ended(crawl)
    again = schedules.start_between(made.pk)
    assert again is not None
    assert (again.everything, again.by_change) == (False, True)


@pytest.mark.long
def test_the_second_run_asks_a_tenth_but_for_the_page_of_a_find_and_what_the_sitemap_dates_anew(
    inline: SyncRunner, site: Shop
) -> None:
    for number in range(15, 120):
        site.image(f"/{number}.jpg", photograph(7) if number % 15 == 7 else picture(number))
        site.page(f"/{number}", f"/{number}.jpg", f"/{number}.jpg?large")
    site.serve("/robots.txt", f"Sitemap: {site.url('/sitemap.xml')}".encode(), "text/plain")
    studio = owner("studio")
    register(inline.services, studio, photograph(7))
    made = watch(studio, site.url("/0"))

    def run(**dated: str) -> list[str]:
        """Return the paths that the next run requests."""
        entries = (f"<url><loc>{site.url(path)}</loc><lastmod>{day}</lastmod></url>" for path, day in dated.items())
        site.serve("/sitemap.xml", f"<urlset>{''.join(entries)}</urlset>".encode(), "application/xml")
        site.site.seen.clear()
        run_now(made)
        inline.run_until_idle()
        return site.site.paths()

    old = {f"/{number}": "2020-01-01" for number in range(120)}
    first = len(run(**old))
    assert first > 340, "120 pages and 225 pictures"
    assert studio.cases.get().party == "127.0.0.14"
    second = run(**{**old, "/99": (now() + DAY / 2).isoformat()})
    assert len(second) <= first / 10 + 3 * 8, "but for eight pages of finds with their two pictures"
    finds = {f"/{number}" for number in range(7, 120, 15)}
    assert {*finds, *(f"{path}.jpg" for path in finds), "/99", "/0", "/sitemap.xml"} <= set(second)
    latest = made.crawls.get(number=2)
    assert latest.not_asked == {"stated": 120 - len({path for path in second if path in old})}
    changes.keep(made.pk, 2, [], {site.url(path): "http-410" for path in old})
    assert set(made.known_pages.values_list("url", flat=True)) == {site.url(path) for path in finds}, "may come back"
