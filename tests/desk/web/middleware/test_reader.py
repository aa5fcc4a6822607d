"""Test a reader's language and time zone, and known browsers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from desk.web.middleware.reader import DEVICE_COOKIE
from exhibit.config.config import Config
from registry.members import devices
from registry.models import User
from tests.assets.accounts import ann, attempt_sign_in, browser, sign_in
from tests.assets.rows import create_studio, owner
from tests.assets.site_browser import Site

__all__ = ["ann", "browser"]


def test_language_choice_redirects_only_to_own_pages(db: None) -> None:
    for came_from, expected in (
        ("http://testserver/sign-in/?next=/account/", "http://testserver/sign-in/?next=/account/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ):
        response = Client().post("/language", {"language": "zh-hans"}, headers={"Referer": came_from})
        assert response.headers["Location"] == expected
        assert response.cookies["django_language"].value == "zh-hans"
    assert not Client().post("/language", {"language": "../../x"}).cookies


@pytest.mark.long
def test_browser_language_applies_until_a_user_chooses(site: Site) -> None:
    ann = site.member(owner("studio"), language="zh-CN")
    page = ann.open(reverse("works", args=["studio"]))
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    page.get_by_role("button", name="English").click()
    page.wait_for_load_state()
    assert page.url.endswith(reverse("works", args=["studio"]))
    assert page.locator("html").get_attribute("lang") == "en"
    assert User.objects.get().language == "en"
    elsewhere = site.sign_in(User.objects.get(), language="zh-CN")
    assert elsewhere.open(reverse("works", args=["studio"])).locator("html").get_attribute("lang") == "en"


@pytest.mark.long
def test_times_are_shown_in_the_readers_zone_and_utc(site: Site) -> None:
    studio = create_studio(site.inline)
    ann = site.member(studio, zone="Asia/Shanghai")
    ann.open(reverse("work", args=["studio", 1]))
    page = ann.open(reverse("work", args=["studio", 1]))
    times = page.evaluate(
        """() => [...document.querySelectorAll('time')].map((one) => [one.textContent, one.title,
          new Intl.DateTimeFormat('en-GB', {timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit'})
            .format(new Date(one.dateTime)),
          new Date(one.dateTime).toISOString().slice(0, 19).replace('T', ' ') + ' UTC'])"""
    )
    assert times
    assert all(text.endswith(local) and title == utc for text, title, local, utc in times), times
    assert User.objects.get().time_zone == "Asia/Shanghai"


def test_invalid_time_zone_is_ignored(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    for zone, expected in (
        ("../../etc/passwd", ""),
        ("Asia/Shanghai", "Asia/Shanghai"),
        ("Mars/Olympus", "Asia/Shanghai"),
    ):
        client.cookies["zone"] = zone
        client.get("/account/")
        ann.refresh_from_db()
        assert ann.time_zone == expected


def read_cookie(client: Client) -> str:
    return client.cookies[DEVICE_COOKIE].value if DEVICE_COOKIE in client.cookies else ""


def test_browser_is_recognised_during_and_after_its_session_unless_signed_out(
    ann: User, browser: Callable[[], Client]
) -> None:
    client = browser()
    client.get("/sign-in/")
    assert not read_cookie(client)
    attempt_sign_in(client, ann.email)
    client.get("/account/")
    assert devices.is_known_device(read_cookie(client), ann)
    cookie = client.cookies[DEVICE_COOKIE]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["max-age"]) == ("Lax", 180 * 24 * 3600)
    client.get("/account/")
    assert client.cookies[DEVICE_COOKIE].value == cookie.value
    client.session.flush()
    client.get("/account/")
    assert devices.is_known_device(read_cookie(client), ann)
    attempt_sign_in(client, ann.email)
    client.post("/sign-out/")
    assert not read_cookie(client)


def test_ending_other_sessions_forgets_their_browsers(ann: User, browser: Callable[[], Client]) -> None:
    lost, current = browser(), browser()
    for client in (lost, current):
        attempt_sign_in(client, ann.email)
        client.get("/account/")
    current.post("/account/sessions/")
    current.get("/account/")
    ann.refresh_from_db()
    assert not sign_in(lost)
    assert not devices.is_known_device(read_cookie(lost), ann)
    assert devices.is_known_device(read_cookie(current), ann)


def test_browsers_are_not_remembered_if_the_operator_disables_it(
    ann: User, browser: Callable[[], Client], config: Config
) -> None:
    with override_settings(CONFIG=replace(config, mail_sign_in=False)):
        client = browser()
        attempt_sign_in(client, ann.email)
        client.get("/account/")
        assert sign_in(client)
        assert not read_cookie(client)
