"""Test what has a secret URL: the feed, a mail's links, and unsubscribing."""

import re
from collections.abc import Callable
from dataclasses import replace

import feedparser
import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client, override_settings

from exhibit.config.config import Config
from registry.events import events, mail_choices
from registry.members import devices, people, tokens
from registry.models import (
    EventKind,
    LogSubmission,
    MailChoice,
    Owner,
    User,
)
from tests.assets.accounts import PASSWORD, ann, browser, code_of, signed_in, try_in
from tests.assets.rows import owner
from tests.assets.source import flat
from tests.desk.web.notifications.test_being_told import HowOften, member, opened, send_due, settle, studio
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "browser", "studio"]
PATH = "/o/agency/told/"


def test_one_click_ends_the_mails_and_looking_at_the_page_does_not(inline: SyncRunner, studio: Owner) -> None:
    ann = member(studio, "ann")
    mail_choices.choose(studio, ann, HowOften.AT_ONCE, by="Ann")
    events.record(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle()
    (sent,) = send_due(inline)
    address = sent.message()["List-Unsubscribe"].strip("<>").replace("http://127.0.0.1:8080", "")
    client = Client(enforce_csrf_checks=True)
    assert client.get(address).status_code == 200
    assert MailChoice.objects.get().how_often == HowOften.AT_ONCE
    done = client.post(address, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert done.status_code == 200
    assert MailChoice.objects.get().how_often == HowOften.NEVER
    assert LogSubmission.objects.filter(opening__content__what="mail choice").count() == 2
    assert client.post(address[:-2] + "AA").status_code == 404


def test_a_feed_has_the_cases_for_whoever_has_the_address(inline: SyncRunner, studio: Owner) -> None:
    ann = member(studio, "ann")
    opened(inline, studio, 1)
    client = Client()
    client.force_login(ann)
    asked = client.post("/o/studio/told/feed", {"do": "make"})
    page = client.post(asked.headers["Location"], {"password": "not used"}).content.decode()
    found = re.search(r"/feeds/([\w-]+)/cases\.atom", page)
    assert found is not None
    assert found[1] not in flat(client.get("/o/studio/told/").content.decode())
    answer = Client().get(found[0])
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    (entry,) = feedparser.parse(answer.content).entries
    assert "shop.example" in entry.title
    assert entry.link.endswith("/o/studio/cases/1/")
    tokens.make_feed(studio, ann, by="Ann")
    assert Client().get(found[0]).status_code == 404


def test_a_feed_ends_with_the_membership_or_when_it_is_revoked(inline: SyncRunner, studio: Owner) -> None:
    ann, bob = member(studio, "ann"), member(studio, "bob")
    of_ann, of_bob = (f"/feeds/{tokens.make_feed(studio, one, by='x')}/cases.atom" for one in (ann, bob))
    assert Client().get(of_ann).status_code == 200
    tokens.revoke_feed(studio, ann, by="Ann")
    bob.memberships.all().delete()
    assert {Client().get(one).status_code for one in (of_ann, of_bob, "/feeds/x/cases.atom")} == {404}


@pytest.fixture
def phone(ann: User, browser: Callable[[], Client]) -> Client:
    """A browser in which Ann was signed in until her session ended."""
    people.add_member(owner("agency"), ann.email, "viewer", None)
    client = browser()
    try_in(client, ann.email)
    client.get("/account/")
    client.session.flush()
    return client


def mailed(ann: User) -> str:
    return f"/mail/open/{devices.link(Owner.objects.get(slug='agency'), ann, PATH)}"


def test_a_link_in_a_mail_opens_its_page_signed_in_where_the_browser_is_known_and_only_after_a_button(
    ann: User, phone: Client
) -> None:
    link = mailed(ann)
    phone.get(link)
    page = phone.get(link)  # scanners open links as well: nothing is used up
    assert f"Go on as {ann.email}" in flat(page.content.decode())
    assert "no-store" in page.headers["Cache-Control"]
    assert not signed_in(phone)
    assert not LogSubmission.objects.filter(opening__content__what="mail link followed").exists()
    assert phone.post(link).headers["Location"] == PATH
    assert signed_in(phone)
    assert LogSubmission.objects.filter(opening__content__what="mail link followed").count() == 1
    assert phone.get(link).headers["Location"] == PATH  # signed in already
    assert phone.post("/o/agency/members/invite", {"email": "x@example.org", "role": "owner"}).status_code == 403
    secret = phone.post("/o/agency/told/feed", {"do": "make"})  # asks for the password, which was never entered
    assert secret.headers["Location"].startswith("/account/reauthenticate/")


def test_a_forwarded_mail_lets_nobody_in(ann: User, phone: Client, browser: Callable[[], Client]) -> None:
    eve = people.add_member(owner("other"), "eve@example.org", "owner", PASSWORD).user
    stranger, hers = browser(), browser()
    try_in(hers, eve.email)
    hers.get("/account/")
    link = mailed(ann)
    assert hers.post(link).headers["Location"] == PATH
    assert hers.get(PATH).status_code == 404  # still Eve
    hers.session.flush()
    for client in (stranger, hers):
        assert client.post(link).headers["Location"] == PATH
        assert not signed_in(client)
        assert client.get(PATH).headers["Location"] == f"/sign-in/?next={PATH}"
    assert phone.get(f"{link[:-3]}AAA").status_code == 404


def test_a_second_factor_is_asked_for_all_the_same(ann: User, phone: Client) -> None:
    secret = generate_totp_secret()
    TOTP.activate(ann, secret)
    answer = phone.post(mailed(ann))
    assert answer.headers["Location"] == "/account/2fa/authenticate/"
    assert not signed_in(phone)
    assert phone.post("/account/2fa/authenticate/", {"code": code_of(secret)}).headers["Location"] == PATH
    assert signed_in(phone)


def test_an_ended_link_asks_for_the_password(ann: User, phone: Client, config: Config) -> None:
    link = mailed(ann)
    with override_settings(CONFIG=replace(config, mail_sign_in=False)):
        assert phone.post(link).headers["Location"] == PATH
    assert not signed_in(phone)
    ann.memberships.all().delete()
    assert phone.post(link).headers["Location"] == PATH
    assert not signed_in(phone)


def test_a_form_of_another_site_follows_no_link(ann: User, phone: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = phone.cookies
    assert strict.post(mailed(ann)).status_code == 403
