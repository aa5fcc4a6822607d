"""Test a reader's language and time zone, and known browsers."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from desk.web.middleware.reader import COOKIE
from exhibit.config.config import Config
from registry.members import devices
from registry.models import User
from tests.assets.accounts import ann, browser, signed_in, try_in
from tests.assets.rows import found_studio, owner
from tests.assets.site_browser import Site

__all__ = ["ann", "browser"]


def test_who_chooses_a_language_is_led_back_to_our_own_pages_alone(db: None) -> None:
    for came_from, back in (
        ("http://testserver/sign-in/?next=/account/", "http://testserver/sign-in/?next=/account/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ):
        answer = Client().post("/language", {"language": "zh-hans"}, headers={"Referer": came_from})
        assert answer.headers["Location"] == back
        assert answer.cookies["django_language"].value == "zh-hans"
    assert not Client().post("/language", {"language": "../../x"}).cookies


@pytest.mark.long
def test_the_browser_says_which_language_until_a_person_chooses(site: Site) -> None:
    ann = site.member(owner("studio"), language="zh-CN")
    page = ann.open(reverse("works", args=["studio"]))
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    page.get_by_role("button", name="English").click()
    page.wait_for_load_state()
    assert page.url.endswith(reverse("works", args=["studio"]))
    assert page.locator("html").get_attribute("lang") == "en"
    assert User.objects.get().language == "en"
    elsewhere = site.signed_in(User.objects.get(), language="zh-CN")
    assert elsewhere.open(reverse("works", args=["studio"])).locator("html").get_attribute("lang") == "en"


@pytest.mark.long
def test_times_are_in_the_readers_zone_with_utc_beside_them(site: Site) -> None:
    studio = found_studio(site.inline)
    ann = site.member(studio, zone="Asia/Shanghai")
    ann.open(reverse("work", args=["studio", 1]))
    page = ann.open(reverse("work", args=["studio", 1]))
    shown = page.evaluate(
        """() => [...document.querySelectorAll('time')].map((one) => [one.textContent, one.title,
          new Intl.DateTimeFormat('en-GB', {timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit'})
            .format(new Date(one.dateTime)),
          new Date(one.dateTime).toISOString().slice(0, 19).replace('T', ' ') + ' UTC'])"""
    )
    assert shown
    assert all(text.endswith(local) and title == utc for text, title, local, utc in shown), shown
    assert User.objects.get().time_zone == "Asia/Shanghai"


def test_a_zone_that_is_none_is_left_alone(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    for zone, kept in (("../../etc/passwd", ""), ("Asia/Shanghai", "Asia/Shanghai"), ("Mars/Olympus", "Asia/Shanghai")):
        client.cookies["zone"] = zone
        client.get("/account/")
        ann.refresh_from_db()
        assert ann.time_zone == kept


def kept(client: Client) -> str:
    return client.cookies[COOKIE].value if COOKIE in client.cookies else ""


def test_a_browser_is_known_while_its_session_lasts_and_after_that_unless_its_person_signs_out(
    ann: User, browser: Callable[[], Client]
) -> None:
    client = browser()
    client.get("/sign-in/")
    assert not kept(client)
    try_in(client, ann.email)
    client.get("/account/")
    assert devices.knows(kept(client), ann)
    cookie = client.cookies[COOKIE]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["max-age"]) == ("Lax", 180 * 24 * 3600)
    client.get("/account/")
    assert client.cookies[COOKIE].value == cookie.value
    client.session.flush()
    client.get("/account/")
    assert devices.knows(kept(client), ann)
    try_in(client, ann.email)
    client.post("/sign-out/")
    assert not kept(client)


def test_who_ends_the_other_sessions_makes_their_browsers_unknown(ann: User, browser: Callable[[], Client]) -> None:
    lost, here = browser(), browser()
    for client in (lost, here):
        try_in(client, ann.email)
        client.get("/account/")
    here.post("/account/sessions/")
    here.get("/account/")
    ann.refresh_from_db()
    assert not signed_in(lost)
    assert not devices.knows(kept(lost), ann)
    assert devices.knows(kept(here), ann)


def test_no_browser_is_marked_where_the_operator_wants_none(
    ann: User, browser: Callable[[], Client], config: Config
) -> None:
    with override_settings(CONFIG=replace(config, mail_sign_in=False)):
        client = browser()
        try_in(client, ann.email)
        client.get("/account/")
        assert signed_in(client)
        assert not kept(client)
