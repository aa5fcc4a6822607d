"""Test watches on the site: their description, settings and crawls."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from desk.texts.crawl_refusals import describe_end
from exhibit.errors import InvalidRequestError
from registry import scoped
from registry.crawls import schedules, watch_settings
from registry.models import Crawl, LogOpening, Owner, User, Watch
from tests.assets.pages import has_test_id, message_levels, select
from tests.assets.rows import owner, photograph, register
from tests.assets.site_browser import use_services
from tests.assets.source import collapse_whitespace
from workers.tasks.sync_runner import SyncRunner

DAY = timedelta(days=1)


SHOP = [("site", "http://shop.example/")]


WATCH_URL = "/o/studio/watches/1/"


@pytest.fixture
def studio(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Owner:
    use_services(monkeypatch, inline.services)
    return owner("studio")


@pytest.fixture
def shop(studio: Owner) -> Watch:
    return watch_settings.add_watch(studio, "shop", SHOP, every=DAY, budget={}, politeness={}, by="Ann")


@pytest.fixture
def ann(studio: Owner) -> Client:
    """A client signed in as a reviewer of the studio."""
    client, user = Client(), User.objects.create_user(username="ann@example.org", password="not used")
    studio.memberships.create(user=user)
    client.force_login(user)
    return client


def read_form_fields(page: str) -> dict[str, str]:
    """Return the values that a form on a page would submit unchanged."""
    page = collapse_whitespace(page)
    inputs = dict(re.findall(r'<input type="(?:text|number|time)" name="([a-z]+)" value="([^"]*)"', page))
    selects = re.findall(r'<select name="([a-z]+)".*?<option value="([^"]*)" selected', page, re.DOTALL)
    return inputs | dict(selects)


def read_log(what: str) -> list[dict[str, object]]:
    rows = LogOpening.objects.filter(content__what=what)
    return [dict(row.details or {}) for row in rows]


def test_watch_page_shows_schedule_budget_and_crawl_rules(ann: Client, shop: Watch) -> None:
    page = ann.get(WATCH_URL).content.decode()
    for text in ("1,000", "6", "robots.txt"):
        assert text in page, text


def test_changes_are_applied_and_logged(ann: Client, shop: Watch) -> None:
    form = read_form_fields(ann.get(f"{WATCH_URL}edit").content.decode())
    assert (form["name"], form["every"], form["pages"]) == ("shop", "86400", "1000")
    new = form | {"every": "604800", "weekday": "2", "at": "04:30", "pages": "50", "delay": "2.5", "name": "The shop"}
    assert ann.post(f"{WATCH_URL}edit", new).status_code == 302
    shop.refresh_from_db()
    assert (shop.name, shop.interval_seconds, shop.budget["pages"]) == ("The shop", 604_800, 50)
    assert shop.politeness == {"delay": 2.5}
    assert shop.next_run_at is not None
    assert (shop.next_run_at.weekday(), shop.next_run_at.strftime("%H:%M")) == (2, "04:30")
    [entry] = read_log("watch changed")
    assert entry["by"] == "ann@example.org"
    assert "04:30" in ann.get(WATCH_URL).content.decode()


def test_manual_run_keeps_the_schedule_and_opens_the_run(ann: Client, shop: Watch) -> None:
    response = ann.post(f"{WATCH_URL}run")
    assert response.headers["Location"] == f"{WATCH_URL}crawls/1/"
    assert Watch.objects.get().next_run_at == shop.next_run_at
    assert ann.post(f"{WATCH_URL}run").headers["Location"] == f"{WATCH_URL}crawls/1/"
    assert Crawl.objects.count() == 1


def test_full_disk_is_reported_and_nothing_starts(inline: SyncRunner, ann: Client, shop: Watch) -> None:
    inline.services.config = replace(inline.services.config, disk_floor_bytes=2**62)
    assert b"The disk is almost full" in ann.post(f"{WATCH_URL}run", follow=True).content
    assert not Crawl.objects.exists()


def test_watch_can_be_paused_and_resumed(ann: Client, shop: Watch) -> None:
    ann.post(f"{WATCH_URL}pause", {"to": "pause"})
    assert "Paused" in ann.get(WATCH_URL).content.decode()
    assert b"is paused" in ann.post(f"{WATCH_URL}run", follow=True).content
    ann.post(f"{WATCH_URL}pause", {"to": "resume"})
    assert not Watch.objects.get().paused


def test_deleted_watch_leaves_its_matches(inline: SyncRunner, ann: Client, studio: Owner, shop: Watch) -> None:
    crawl = watch_settings.start_crawl_now(shop)
    assert "are kept" in collapse_whitespace(ann.get(f"{WATCH_URL}delete").content.decode())
    ann.post(f"{WATCH_URL}delete")
    assert ann.get(WATCH_URL).status_code == 404
    assert not scoped.list_watches(studio).exists()
    inline.run_until_idle()
    crawl.refresh_from_db()
    assert crawl.reason == "stopped"
    assert ann.get(f"{WATCH_URL}crawls/1/").status_code == 200
    assert not schedules.list_due_watches()
    assert read_log("watch removed")
    second_watch = watch_settings.add_watch(studio, "shop", SHOP, every=DAY, budget={}, politeness={})
    assert second_watch.number == 2
    with pytest.raises(InvalidRequestError):
        watch_settings.start_crawl_now(shop)


def test_watch_list_needs_constant_queries(
    ann: Client, studio: Owner, shop: Watch, django_assert_max_num_queries: object
) -> None:
    for number in range(2, 30):
        watch = watch_settings.add_watch(studio, f"shop {number}", SHOP, every=DAY, budget={}, politeness={})
        watch_settings.start_crawl_now(watch)
    with django_assert_max_num_queries(20):  # type: ignore[operator]
        page = ann.get("/o/studio/watches/").content.decode()
    assert page.count(describe_end("")) == 28


def test_unreachable_known_copy_is_reported(inline: SyncRunner, ann: Client, studio: Owner, shop: Watch) -> None:
    register(inline.services, studio, photograph(1))
    ann.post(f"{WATCH_URL}known-copies", {"work": "1", "url": "http://shop.example/hidden"})
    assert not has_test_id(ann.get(WATCH_URL), "out-of-reach")
    ann.post(f"{WATCH_URL}known-copies", {"work": "1", "url": "http://studio.example/hidden"})
    assert len(select(ann.get(WATCH_URL), '[data-testid="out-of-reach"]')) == 1


def test_known_copy_is_added_and_removed_on_the_page(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch
) -> None:
    register(inline.services, studio, photograph(1), "The wave")
    response = ann.post(f"{WATCH_URL}known-copies", {"work": "1", "url": "https://studio.example/hidden"}, follow=True)
    page = response.content.decode()
    assert "https://studio.example/hidden" in page
    assert "The wave" in page
    ann.post(f"{WATCH_URL}known-copies/1/withdraw")
    assert "studio.example/hidden" not in ann.get(WATCH_URL).content.decode()


@pytest.mark.parametrize(
    ("work", "url"),
    [
        ("9", "https://studio.example/"),
        ("x", "https://studio.example/"),
        ("1", "javascript:alert(1)"),
        ("1", "http://10.0.0.1/"),
    ],
)
def test_invalid_known_copy_is_explained(
    inline: SyncRunner, ann: Client, studio: Owner, shop: Watch, work: str, url: str
) -> None:
    register(inline.services, studio, photograph(1))
    response = ann.post(f"{WATCH_URL}known-copies", {"work": work, "url": url}, follow=True)
    assert message_levels(response) == ["error"]
    assert not studio.known_copies.exists()
