"""Watches on the site: what is said of them, what is set, and what becomes of their runs."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from exhibit.clock import now
from exhibit.errors import WrongUseError
from exhibit.network.urls import url_key
from registry.accounts import scoped
from registry.crawls import crawling, schedules, watching
from registry.models import Crawl, LogOpening, Owner, Refusal, User, Watch
from tests.assets.rows import bring, claim, owner, photograph, register
from tests.assets.site_browser import use_house
from tests.assets.source import flat
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)
SHOP = [("site", "http://shop.example/")]
ADDRESS = "/o/studio/watches/1/"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_house(monkeypatch, inline.services)
    return owner("studio")


@pytest.fixture
def shop(studio: Owner) -> Watch:
    return watching.add_watch(studio, "shop", SHOP, every=DAY, budget={}, politeness={}, by="Ann")


@pytest.fixture
def ann(studio: Owner) -> Client:
    """A client signed in as a reviewer of the studio."""
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user)
    client.force_login(user)
    return client


def fields(page: str) -> dict[str, str]:
    """What a form on a page would send as it stands."""
    page = flat(page)
    given = dict(re.findall(r'<input type="(?:text|number|time)" name="([a-z]+)" value="([^"]*)"', page))
    chosen = re.findall(r'<select name="([a-z]+)".*?<option value="([^"]*)" selected', page, re.DOTALL)
    return given | dict(chosen)


def logged(what: str) -> list[dict[str, object]]:
    rows = LogOpening.objects.filter(content__what=what)
    return [dict(row.details or {}) for row in rows]


def test_a_new_watch_has_a_budget_and_one_over_files_has_none(studio: Owner, shop: Watch) -> None:
    assert shop.budget["pages"] == 1_000
    assert {"images", "bytes", "seconds", "depth"} <= set(shop.budget)
    files = watching.add_watch(studio, "files", [("folder", "/pictures")], every=DAY, budget={}, politeness={})
    assert files.budget == {}
    own = watching.add_watch(studio, "own", SHOP, every=DAY, budget={"pages": 7}, politeness={})
    assert (own.budget["pages"], own.budget["images"]) == (7, 20_000)


def test_the_page_says_when_it_runs_what_it_may_spend_and_how_it_treats_sites(ann: Client, shop: Watch) -> None:
    page = ann.get(ADDRESS).content.decode()
    for said in ("Every day at ", "At most 1,000 pages", "At most 6 hours", "at least 1 s between", "robots.txt"):
        assert said in page, said


def test_what_is_changed_holds_and_stands_in_the_log(ann: Client, shop: Watch) -> None:
    given = fields(ann.get(f"{ADDRESS}edit").content.decode())
    assert (given["name"], given["every"], given["pages"]) == ("shop", "86400", "1000")
    new = given | {"every": "604800", "weekday": "2", "at": "04:30", "pages": "50", "delay": "2.5", "name": "The shop"}
    assert ann.post(f"{ADDRESS}edit", new).status_code == 302
    shop.refresh_from_db()
    assert (shop.name, shop.interval_seconds, shop.budget["pages"]) == ("The shop", 604_800, 50)
    assert shop.politeness == {"delay": 2.5}
    assert shop.next_run_at is not None
    assert (shop.next_run_at.weekday(), shop.next_run_at.strftime("%H:%M")) == (2, "04:30")
    [entry] = logged("watch changed")
    assert entry["by"] == "ann@example.org"
    assert "Every week, Wednesday at 04:30" in ann.get(ADDRESS).content.decode()


def test_a_changed_budget_leaves_the_next_run_where_it_is(ann: Client, shop: Watch) -> None:
    before = shop.next_run_at
    ann.post(f"{ADDRESS}edit", fields(ann.get(f"{ADDRESS}edit").content.decode()) | {"pages": "50"})
    shop.refresh_from_db()
    assert (shop.budget["pages"], shop.next_run_at) == (50, before)


@pytest.mark.parametrize(
    "wrong",
    [{"pages": "0"}, {"pages": "many"}, {"delay": "0"}, {"at": "25:00"}, {"every": "1"}, {"name": "7"}, {"name": ""}],
)
def test_what_cant_be_set_is_said_beside_the_field_and_changes_nothing(
    ann: Client, shop: Watch, wrong: dict[str, str]
) -> None:
    given = fields(ann.get(f"{ADDRESS}edit").content.decode()) | wrong
    answer = ann.post(f"{ADDRESS}edit", given)
    assert answer.status_code == 422
    assert 'class="errorlist' in answer.content.decode()
    assert Watch.objects.get() == shop
    assert Watch.objects.get().budget == shop.budget
    assert not logged("watch changed")


def test_running_now_leaves_the_schedule_as_it_is_and_leads_to_the_run(ann: Client, shop: Watch) -> None:
    answer = ann.post(f"{ADDRESS}run")
    assert answer.headers["Location"] == f"{ADDRESS}crawls/1/"
    assert Watch.objects.get().next_run_at == shop.next_run_at
    assert ann.post(f"{ADDRESS}run").headers["Location"] == f"{ADDRESS}crawls/1/"
    assert Crawl.objects.count() == 1


def test_a_full_disk_is_said_and_starts_nothing(inline: SyncRunner, ann: Client, shop: Watch) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    assert b"The disk is nearly full" in ann.post(f"{ADDRESS}run", follow=True).content
    assert not Crawl.objects.exists()


def test_a_place_is_removed_on_the_page_and_the_last_one_stays(ann: Client, shop: Watch) -> None:
    news = ("feed", "http://news.example/feed.xml")
    watching.change_sources(shop, add=[news], by="Ann")
    assert "Add or remove places" in ann.get(ADDRESS).content.decode()
    assert ann.get(f"{ADDRESS}sources/").content.decode().count('name="source"') == 2
    page = ann.post(f"{ADDRESS}sources/remove", {"source": " ".join(SHOP[0])}, follow=True).content.decode()
    assert "It is looked at no more." in page
    assert 'name="source"' not in page
    page = ann.post(f"{ADDRESS}sources/remove", {"source": " ".join(news)}, follow=True).content.decode()
    assert "needs at least one place" in page
    assert [one["url"] for one in Watch.objects.get().sources] == [news[1]]


@pytest.mark.parametrize(
    ("source", "said"),
    [("site http://10.0.0.1/", "isn&#x27;t on the public internet"), ("folder /etc", "Choose at least one place")],
)
def test_what_a_form_makes_up_is_no_place(ann: Client, shop: Watch, source: str, said: str) -> None:
    page = ann.post(f"{ADDRESS}sources/add", {"source": source}, follow=True).content.decode()
    assert said in page
    assert Watch.objects.get().sources == shop.sources


def test_only_a_watch_over_sites_has_places(ann: Client, studio: Owner, shop: Watch) -> None:
    for number, source in enumerate((("folder", "/pictures"), ("search", "tineye")), start=2):
        watching.add_watch(studio, f"watch {number}", [source], every=DAY, budget={}, politeness={})
        assert ann.get(f"/o/studio/watches/{number}/sources/").status_code == 404
        answer = ann.post(f"/o/studio/watches/{number}/sources/remove", {"source": " ".join(source)})
        assert answer.status_code == 404
        assert "Add or remove places" not in ann.get(f"/o/studio/watches/{number}/").content.decode()


def test_a_canary_out_of_reach_is_said_to_be(inline: SyncRunner, ann: Client, studio: Owner, shop: Watch) -> None:
    register(inline.services, studio, photograph(1))
    ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "http://shop.example/hidden"})
    assert "looks at no place on that site" not in ann.get(ADDRESS).content.decode()
    ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "http://studio.example/hidden"})
    assert ann.get(ADDRESS).content.decode().count("looks at no place on that site") == 1


def test_pausing_and_resuming(ann: Client, shop: Watch) -> None:
    ann.post(f"{ADDRESS}pause", {"to": "pause"})
    assert "Paused" in ann.get(ADDRESS).content.decode()
    assert b"is paused" in ann.post(f"{ADDRESS}run", follow=True).content
    ann.post(f"{ADDRESS}pause", {"to": "resume"})
    assert not Watch.objects.get().paused


def test_the_progress_asks_for_itself_until_the_run_has_ended_and_all_is_compared(
    inline: SyncRunner, ann: Client, shop: Watch
) -> None:
    crawl = watching.start_now(shop)
    planned = crawling.plan_slice(crawl.pk, most_urls=10, most_hosts=5)
    assert planned is not None
    epoch = claim(planned)
    bring(inline.services, planned, epoch, [photograph(1), photograph(2)])
    page = ann.get(f"{ADDRESS}crawls/1/progress").content.decode()
    assert 'hx-trigger="every 2s"' in page
    assert re.search(r"Different pictures</dt><dd>2<", page)
    crawling.finish_slice(planned.pk, epoch, counts={}, suspect=False, opening=lambda _row: {})
    crawling.stop(crawl.pk)
    assert crawling.end_crawl_if_worked_off(crawl.pk)
    page = ann.get(f"{ADDRESS}crawls/1/progress").content.decode()
    assert "Stopped by a person." in page
    assert re.search(r"still to be compared</dt><dd>2<", page)
    assert 'hx-trigger="every 5s"' in page
    inline.run_until_idle()
    page = ann.get(f"{ADDRESS}crawls/1/progress").content.decode()
    assert "still to be compared" not in page
    assert "hx-get" not in page
    assert Crawl.objects.get().pictures == 2


def test_a_run_that_is_stopped_begins_no_slice_and_ends(inline: SyncRunner, ann: Client, shop: Watch) -> None:
    crawl = watching.start_now(shop)
    assert crawling.plan_slice(crawl.pk, most_urls=10, most_hosts=5) is not None
    said = ann.post(f"{ADDRESS}crawls/1/stop", follow=True).content.decode()
    assert '<p class="message success" role="status">The run ends with what it has.</p>' in said
    assert crawling.plan_slice(crawl.pk, most_urls=10, most_hosts=5) is None
    assert "Being stopped" in ann.get(f"{ADDRESS}crawls/1/").content.decode()
    crawl.slices.update(state="done")
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert (crawl.state, crawl.reason) == ("done", "stopped")


def test_what_was_refused_is_told_in_words_and_by_reason(ann: Client, shop: Watch) -> None:
    crawl = watching.start_now(shop)
    for number, reason in enumerate(("robots", "http-404", "http-404", "http-503")):
        url = f"http://shop.example/{number}"
        Refusal.objects.create(crawl=crawl, key=url_key(url), url=url, reason=reason, sentence="", at=now())
    page = ann.get(f"{ADDRESS}crawls/1/").content.decode()
    for said in ("robots.txt forbids it", "There is nothing at this address.", "had a fault (status 503)"):
        assert said in page, said
    only = ann.get(f"{ADDRESS}crawls/1/", {"reason": "http-404"}).content.decode()
    assert "shop.example/1" in only
    assert "shop.example/0" not in only


def test_a_deleted_watch_is_gone_and_what_it_saw_stays(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch
) -> None:
    crawl = watching.start_now(shop)
    assert "stay" in ann.get(f"{ADDRESS}delete").content.decode()
    ann.post(f"{ADDRESS}delete")
    assert ann.get(ADDRESS).status_code == 404
    assert not scoped.watches(studio).exists()
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert crawl.reason == "stopped"
    assert ann.get(f"{ADDRESS}crawls/1/").status_code == 200
    assert not schedules.due_watches()
    assert logged("watch removed")
    again = watching.add_watch(studio, "shop", SHOP, every=DAY, budget={}, politeness={})
    assert again.number == 2
    with pytest.raises(WrongUseError):
        watching.start_now(shop)


def test_a_list_of_watches_takes_as_many_queries_for_one_as_for_fifty(
    ann: Client, studio: Owner, shop: Watch, django_assert_max_num_queries: object
) -> None:
    for number in range(2, 30):
        made = watching.add_watch(studio, f"shop {number}", SHOP, every=DAY, budget={}, politeness={})
        watching.start_now(made)
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        page = ann.get("/o/studio/watches/").content.decode()
    assert page.count("Under way") == 28


def test_a_known_copy_is_planted_and_withdrawn_on_the_page(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch
) -> None:
    register(inline.services, studio, photograph(1), "The wave")
    answer = ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "https://studio.example/hidden"}, follow=True)
    page = answer.content.decode()
    assert "https://studio.example/hidden" in page
    assert "The wave" in page
    assert "none yet" in page
    ann.post(f"{ADDRESS}canaries/1/withdraw")
    assert "studio.example/hidden" not in ann.get(ADDRESS).content.decode()


@pytest.mark.parametrize(
    ("work", "url", "said"),
    [
        ("9", "https://studio.example/", "no work with this number"),
        ("x", "https://studio.example/", "no work with this number"),
        ("1", "javascript:alert(1)", "the address of a page"),
        ("1", "http://10.0.0.1/", "the address of a page"),
    ],
)
def test_a_canary_that_cant_be_is_told_why(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch, work: str, url: str, said: str
) -> None:
    register(inline.services, studio, photograph(1))
    assert said in ann.post(f"{ADDRESS}canaries", {"work": work, "url": url}, follow=True).content.decode()
    assert not studio.canaries.exists()
