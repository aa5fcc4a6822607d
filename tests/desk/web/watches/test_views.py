"""Test watches on the site: their description, settings and crawls."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from desk.texts.crawl_refusals import end_in_words
from exhibit.errors import WrongUseError
from registry import scoped
from registry.crawls import schedules, watching
from registry.models import Crawl, LogOpening, Owner, User, Watch
from tests.assets.pages import has_test_id, message_levels, select
from tests.assets.rows import owner, photograph, register
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
    """Return the values that a form on a page would submit unchanged."""
    page = flat(page)
    given = dict(re.findall(r'<input type="(?:text|number|time)" name="([a-z]+)" value="([^"]*)"', page))
    chosen = re.findall(r'<select name="([a-z]+)".*?<option value="([^"]*)" selected', page, re.DOTALL)
    return given | dict(chosen)


def logged(what: str) -> list[dict[str, object]]:
    rows = LogOpening.objects.filter(content__what=what)
    return [dict(row.details or {}) for row in rows]


def test_the_page_says_when_it_runs_what_it_may_spend_and_how_it_treats_sites(ann: Client, shop: Watch) -> None:
    page = ann.get(ADDRESS).content.decode()
    for said in ("1,000", "6", "robots.txt"):
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
    assert "04:30" in ann.get(ADDRESS).content.decode()


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


def test_pausing_and_resuming(ann: Client, shop: Watch) -> None:
    ann.post(f"{ADDRESS}pause", {"to": "pause"})
    assert "Paused" in ann.get(ADDRESS).content.decode()
    assert b"is paused" in ann.post(f"{ADDRESS}run", follow=True).content
    ann.post(f"{ADDRESS}pause", {"to": "resume"})
    assert not Watch.objects.get().paused


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
    assert page.count(end_in_words("")) == 28


def test_a_canary_out_of_reach_is_said_to_be(inline: SyncRunner, ann: Client, studio: Owner, shop: Watch) -> None:
    register(inline.services, studio, photograph(1))
    ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "http://shop.example/hidden"})
    assert not has_test_id(ann.get(ADDRESS), "out-of-reach")
    ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "http://studio.example/hidden"})
    assert len(select(ann.get(ADDRESS), '[data-testid="out-of-reach"]')) == 1


def test_a_known_copy_is_planted_and_withdrawn_on_the_page(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch
) -> None:
    register(inline.services, studio, photograph(1), "The wave")
    answer = ann.post(f"{ADDRESS}canaries", {"work": "1", "url": "https://studio.example/hidden"}, follow=True)
    page = answer.content.decode()
    assert "https://studio.example/hidden" in page
    assert "The wave" in page
    ann.post(f"{ADDRESS}canaries/1/withdraw")
    assert "studio.example/hidden" not in ann.get(ADDRESS).content.decode()


@pytest.mark.parametrize(
    ("work", "url"),
    [
        ("9", "https://studio.example/"),
        ("x", "https://studio.example/"),
        ("1", "javascript:alert(1)"),
        ("1", "http://10.0.0.1/"),
    ],
)
def test_a_canary_that_cant_be_is_told_why(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch, work: str, url: str
) -> None:
    register(inline.services, studio, photograph(1))
    answer = ann.post(f"{ADDRESS}canaries", {"work": work, "url": url}, follow=True)
    assert message_levels(answer) == ["error"]
    assert not studio.canaries.exists()
