"""Test sign-in and sign-up: permissions, rate limits, cookies and mails."""

import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client, override_settings
from django.urls import reverse

from exhibit.clock import now
from exhibit.config.config import Config
from registry.members import devices
from registry.models import User
from tests import CHECKOUT
from tests.assets.accounts import PASSWORD, SIGN_IN, ann, browser, link_of, signed_in, try_in
from tests.assets.pages import message_levels

__all__ = ["ann", "browser"]


@pytest.fixture
def in_the_open(config: Config) -> Iterator[None]:
    with override_settings(CONFIG=replace(config, sign_up="open")):
        yield


def test_who_was_added_on_the_command_line_signs_in_at_once_whatever_the_case_of_the_address(
    ann: User, browser: Callable[[], Client]
) -> None:
    client = browser()
    try_in(client, ann.email.upper())
    assert signed_in(client)
    client.post("/sign-out/")
    assert not signed_in(client)


def test_after_five_wrong_passwords_even_the_right_one_waits_from_everywhere(
    ann: User, browser: Callable[[], Client]
) -> None:
    for _ in range(5):
        assert "not correct" in try_in(browser(), ann.email, "wrong wrong wrong")
    client = browser()
    assert "Too many failed" in try_in(client, ann.email)
    assert not signed_in(client)


def test_who_tries_many_names_from_one_address_waits(ann: User, browser: Callable[[], Client]) -> None:
    client = browser()
    for _ in range(10):
        try_in(client, f"{secrets.token_hex(4)}@example.org", "wrong wrong wrong")
    assert "Too many failed" in try_in(client, ann.email)
    client = browser()
    try_in(client, ann.email)
    assert signed_in(client)


def test_visitors_behind_a_proxy_are_told_apart_when_it_is_ours(ann: User, browser: Callable[[], Client]) -> None:
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
        client, other = browser(), browser()
        for _ in range(11):
            client.post(
                SIGN_IN, {"login": "x@example.org", "password": "wrong"}, headers={"X-Forwarded-For": "a, 192.0.2.7"}
            )
        other.post(SIGN_IN, {"login": ann.email, "password": PASSWORD}, headers={"X-Forwarded-For": "192.0.2.8"})
        assert signed_in(other)


def test_an_unknown_address_and_a_wrong_password_read_the_same(ann: User, browser: Callable[[], Client]) -> None:
    strange, known = f"{secrets.token_hex(4)}@example.org", ann.email
    answers = [try_in(browser(), email, "wrong wrong wrong").replace(email, "") for email in (strange, known)]
    hidden = [re.sub(r'(csrfmiddlewaretoken" value|X-CSRFToken": )[^>}]*', "", one) for one in answers]
    assert hidden[0] == hidden[1]


def test_a_signed_in_person_is_never_led_to_another_site(ann: User, browser: Callable[[], Client]) -> None:
    for bad in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = browser().post(SIGN_IN, {"login": ann.email, "password": PASSWORD, "next": bad})
        assert answer.status_code == 302
        assert "evil" not in answer.headers["Location"]
        assert "javascript" not in answer.headers["Location"]


def test_cookies_are_for_the_site_alone_and_no_script_reads_the_session(
    ann: User, browser: Callable[[], Client]
) -> None:
    client = browser()
    client.get(SIGN_IN)
    try_in(client, ann.email)
    for name in ("sessionid", "csrftoken", "device"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
        assert client.cookies[name]["path"] == "/"
        assert not client.cookies[name]["domain"]
    new = {"oldpassword": PASSWORD, "password1": PASSWORD + "2", "password2": PASSWORD + "2"}
    said = "Password successfully changed."
    assert said.encode() in client.post("/account/password/change/", new, follow=True).content
    assert set(client.cookies) == {"sessionid", "csrftoken", "device"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("url", "secure"), [("https://exhibit.example", True), ("http://exhibit.example", False), ("", False)]
)
def test_behind_https_cookies_travel_over_it_alone_and_browsers_remember_it(
    tmp_path: Path,
    url: str,
    secure: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    names = "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS", "ALLAUTH_TRUSTED_PROXY_COUNT"
    program = f"from desk import settings as s\nprint(*(getattr(s, name, 0) for name in {names}))"
    environ = {"EXHIBIT_DATA": str(tmp_path), "EXHIBIT_PUBLIC_URL": url, "EXHIBIT_PROXIES": "2", "PATH": "/usr/bin"}
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, env=environ, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == (["True", "True", "31536000", "2"] if secure else ["0", "0", "0", "2"])


def test_the_answer_over_https_says_so_for_a_year(db: None) -> None:
    with override_settings(SECURE_HSTS_SECONDS=31536000, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
        client = Client()
        there = client.get(SIGN_IN, headers={"X-Forwarded-Proto": "https"})
        plain = client.get(SIGN_IN)
    assert there.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in plain.headers


def test_nobody_signs_up_without_an_invitation(db: None, browser: Callable[[], Client]) -> None:
    client = browser()
    assert 'name="password1"' not in client.get("/sign-up/").content.decode()
    client.post("/sign-up/", {"email": "dora@example.org", "password1": PASSWORD})
    assert not User.objects.exists()


def test_where_the_site_is_open_an_address_is_verified_before_anything_else(
    db: None, in_the_open: None, browser: Callable[[], Client], mailoutbox: list[EmailMessage]
) -> None:
    client = browser()
    # No other test signs this address up: mails to one address are limited for some minutes.
    client.post("/sign-up/", {"email": "Open.Dora@Example.org", "password1": PASSWORD})
    dora = User.objects.get()
    assert (dora.username, dora.email) == ("open.dora@example.org", "open.dora@example.org")
    assert not signed_in(client)
    try_in(client, dora.email)
    assert not signed_in(client)
    [mail] = mailoutbox
    client.post(link_of(mail))
    assert EmailAddress.objects.get().verified
    try_in(client, dora.email)
    assert signed_in(client)
    assert client.post("/owners/", {"name": "Dora's Pictures"}).headers["Location"] == "/o/doras-pictures/cases/"


def test_signing_up_with_a_taken_address_tells_its_person_alone(
    ann: User, in_the_open: None, browser: Callable[[], Client], mailoutbox: list[EmailMessage]
) -> None:
    answer = browser().post("/sign-up/", {"email": ann.email, "password1": PASSWORD + " 2"}, follow=True)
    assert "already" not in answer.content.decode()
    assert User.objects.count() == 1
    assert [mail.to for mail in mailoutbox] == [[ann.email]]
    assert ann.check_password(PASSWORD)


def test_a_weak_password_is_refused(db: None, in_the_open: None, browser: Callable[[], Client]) -> None:
    answer = browser().post("/sign-up/", {"email": "dora@example.org", "password1": "password1234"})
    assert "too common" in answer.content.decode()
    assert not User.objects.exists()


def test_a_forgotten_password_is_set_anew_by_a_link_that_works_once(
    ann: User, browser: Callable[[], Client], mailoutbox: list[EmailMessage], config: Config
) -> None:
    client = browser()
    with override_settings(CONFIG=replace(config, public_url="https://exhibit.example")):
        client.post("/account/password/reset/", {"email": ann.email}, headers={"Host": "localhost"})
        client.post("/account/password/reset/", {"email": "nobody@example.org"})
    [mail] = mailoutbox
    link = link_of(mail)
    assert link.startswith("https://exhibit.example/account/password/reset/key/")
    path = link.removeprefix("https://exhibit.example")
    form = client.get(path, follow=True).redirect_chain[-1][0]
    client.post(form, dict.fromkeys(("password1", "password2"), "another horse battery staple"))
    ann.refresh_from_db()
    assert ann.check_password("another horse battery staple")
    assert [one.subject for one in mailoutbox[1:]] == ["Password Reset"]  # a user who did not do it is notified
    again = browser().get(path, follow=True)
    assert 'name="password1"' not in again.content.decode()


def test_a_host_that_is_none_of_ours_is_refused(db: None) -> None:
    assert Client().post("/account/password/reset/", headers={"Host": "evil.example"}).status_code == 400


def test_a_mail_server_that_does_not_answer_is_told_on_the_page(
    ann: User, browser: Callable[[], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refused)
    answer = browser().post("/account/password/reset/", {"email": ann.email}, follow=True)
    assert (answer.status_code, message_levels(answer)) == (200, ["error"])


def test_an_address_that_is_anothers_name_becomes_nobodys_second_name(ann: User) -> None:
    User.objects.create_user("new@example.org", "old@example.org", PASSWORD)
    ann.email = "new@example.org"
    ann.save()
    before = ann.username
    email_changed.send(sender=User, request=None, user=ann, from_email_address=None, to_email_address=None)
    ann.refresh_from_db()
    assert ann.username == before


def test_other_sessions_are_listed_and_ended(ann: User, browser: Callable[[], Client]) -> None:
    first, second = browser(), browser()
    for client in (first, second):
        try_in(client, ann.email)
        assert signed_in(client)
    page = second.get("/account/sessions/").content.decode()
    assert page.count("2001:db8:") == 2
    second.post("/account/sessions/")
    assert signed_in(second)
    assert not signed_in(first)


def test_sessions_that_are_over_are_forgotten_and_no_others(ann: User, browser: Callable[[], Client]) -> None:
    first, second = browser(), browser()
    for client in (first, second):
        try_in(client, ann.email)
    Session.objects.filter(session_key=first.session.session_key).update(expire_date=now())
    assert devices.forget_ended() == 1
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [second.session.session_key]
    assert signed_in(second)
    assert not signed_in(first)


def test_a_changed_address_is_the_name_that_records_show(
    ann: User, browser: Callable[[], Client], mailoutbox: list[EmailMessage]
) -> None:
    client = browser()
    try_in(client, ann.email)
    page = client.post(reverse("account_email"), {"action_add": "", "email": "new@example.org"}, follow=True)
    if not mailoutbox:
        client.post(page.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    ann.refresh_from_db()
    assert ann.email != "new@example.org"
    client.post(next(link_of(mail) for mail in mailoutbox if mail.to == ["new@example.org"]))
    ann.refresh_from_db()
    assert (ann.email, ann.username) == ("new@example.org", "new@example.org")
