"""Test the secret URLs: the feed, links in mails, and unsubscribing."""

import re
from collections.abc import Callable
from dataclasses import replace

import feedparser
import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client, override_settings

from exhibit.config.config import Config
from registry.events import events, mail_choices
from registry.members import accounts, devices, tokens
from registry.models import (
    EventKind,
    LogSubmission,
    MailChoice,
    Owner,
    User,
)
from tests.assets.accounts import PASSWORD, ann, attempt_sign_in, browser, sign_in, totp_code
from tests.assets.rows import owner
from tests.assets.source import collapse_whitespace
from tests.desk.web.notifications.test_mail_notifications import (
    HowOften,
    create_member,
    open_cases,
    send_due,
    settle_events,
    studio,
)
from workers.tasks.sync_runner import SyncRunner

__all__ = ["ann", "browser", "studio"]
PATH = "/o/agency/told/"


def test_one_click_post_unsubscribes_and_opening_the_page_does_not(inline: SyncRunner, studio: Owner) -> None:
    ann = create_member(studio, "ann")
    mail_choices.set_mail_settings(studio, ann, HowOften.AT_ONCE, by="Ann")
    events.record_event(studio, EventKind.REPORT_READY, {"report": 1, "title": "November"})
    settle_events()
    (mail,) = send_due(inline)
    address = mail.message()["List-Unsubscribe"].strip("<>").replace("http://127.0.0.1:8080", "")
    client = Client(enforce_csrf_checks=True)
    assert client.get(address).status_code == 200
    assert MailChoice.objects.get().mail_frequency == HowOften.AT_ONCE
    response = client.post(address, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded")
    assert response.status_code == 200
    assert MailChoice.objects.get().mail_frequency == HowOften.NEVER
    assert LogSubmission.objects.filter(opening__content__what="mail choice").count() == 2
    assert client.post(address[:-2] + "AA").status_code == 404


def test_feed_lists_cases_for_anyone_with_its_url(inline: SyncRunner, studio: Owner) -> None:
    ann = create_member(studio, "ann")
    open_cases(inline, studio, 1)
    client = Client()
    client.force_login(ann)
    response = client.post("/o/studio/told/feed", {"do": "make"})
    page = client.post(response.headers["Location"], {"password": "not used"}).content.decode()
    match = re.search(r"/feeds/([\w-]+)/cases\.atom", page)
    assert match is not None
    assert match[1] not in collapse_whitespace(client.get("/o/studio/told/").content.decode())
    other_response = Client().get(match[0])
    assert other_response.headers["Content-Type"].startswith("application/atom+xml")
    (entry,) = feedparser.parse(other_response.content).entries
    assert "shop.example" in entry.title
    assert entry.link.endswith("/o/studio/cases/1/")
    tokens.create_feed(studio, ann, by="Ann")
    assert Client().get(match[0]).status_code == 404


def test_feed_ends_with_membership_or_revocation(inline: SyncRunner, studio: Owner) -> None:
    ann, bob = create_member(studio, "ann"), create_member(studio, "bob")
    of_ann, of_bob = (f"/feeds/{tokens.create_feed(studio, person, by='x')}/cases.atom" for person in (ann, bob))
    assert Client().get(of_ann).status_code == 200
    tokens.revoke_feed(studio, ann, by="Ann")
    bob.memberships.all().delete()
    assert {Client().get(person).status_code for person in (of_ann, of_bob, "/feeds/x/cases.atom")} == {404}


@pytest.fixture
def phone(ann: User, browser: Callable[[], Client]) -> Client:
    """A browser in which Ann was signed in until her session ended."""
    accounts.add_member(owner("agency"), ann.email, "viewer", None)
    client = browser()
    attempt_sign_in(client, ann.email)
    client.get("/account/")
    client.session.flush()
    return client


def create_mail_link(ann: User) -> str:
    return f"/mail/open/{devices.make_link(Owner.objects.get(slug='agency'), ann, PATH)}"


def test_mail_link_signs_in_a_known_browser_after_confirmation(ann: User, phone: Client) -> None:
    link = create_mail_link(ann)
    phone.get(link)
    page = phone.get(link)  # scanners open links as well: nothing is used up
    assert f"Continue as {ann.email}" in collapse_whitespace(page.content.decode())
    assert "no-store" in page.headers["Cache-Control"]
    assert not sign_in(phone)
    assert not LogSubmission.objects.filter(opening__content__what="mail link followed").exists()
    assert phone.post(link).headers["Location"] == PATH
    assert sign_in(phone)
    assert LogSubmission.objects.filter(opening__content__what="mail link followed").count() == 1
    assert phone.get(link).headers["Location"] == PATH  # already signed in
    assert phone.post("/o/agency/members/invite", {"email": "x@example.org", "role": "owner"}).status_code == 403
    secret = phone.post("/o/agency/told/feed", {"do": "make"})  # asks for the password, which was never entered
    assert secret.headers["Location"].startswith("/account/reauthenticate/")


def test_forwarded_mail_link_does_not_sign_in(ann: User, phone: Client, browser: Callable[[], Client]) -> None:
    eve = accounts.add_member(owner("other"), "eve@example.org", "owner", PASSWORD).user
    stranger, hers = browser(), browser()
    attempt_sign_in(hers, eve.email)
    hers.get("/account/")
    link = create_mail_link(ann)
    assert hers.post(link).headers["Location"] == PATH
    assert hers.get(PATH).status_code == 404  # still Eve
    hers.session.flush()
    for client in (stranger, hers):
        assert client.post(link).headers["Location"] == PATH
        assert not sign_in(client)
        assert client.get(PATH).headers["Location"] == f"/sign-in/?next={PATH}"
    assert phone.get(f"{link[:-3]}AAA").status_code == 404


def test_mail_link_still_requires_a_second_factor(ann: User, phone: Client) -> None:
    secret = generate_totp_secret()
    TOTP.activate(ann, secret)
    response = phone.post(create_mail_link(ann))
    assert response.headers["Location"] == "/account/2fa/authenticate/"
    assert not sign_in(phone)
    assert phone.post("/account/2fa/authenticate/", {"code": totp_code(secret)}).headers["Location"] == PATH
    assert sign_in(phone)


def test_expired_mail_link_asks_for_the_password(ann: User, phone: Client, config: Config) -> None:
    link = create_mail_link(ann)
    with override_settings(CONFIG=replace(config, mail_sign_in=False)):
        assert phone.post(link).headers["Location"] == PATH
    assert not sign_in(phone)
    ann.memberships.all().delete()
    assert phone.post(link).headers["Location"] == PATH
    assert not sign_in(phone)


def test_mail_link_form_rejects_other_origins(ann: User, phone: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = phone.cookies
    assert strict.post(create_mail_link(ann)).status_code == 403
