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
from tests.assets.accounts import PASSWORD, SIGN_IN, ann, attempt_sign_in, browser, extract_link, sign_in
from tests.assets.pages import message_levels

__all__ = ["ann", "browser"]


@pytest.fixture
def open_sign_up(config: Config) -> Iterator[None]:
    with override_settings(CONFIG=replace(config, sign_up="open")):
        yield


def test_email_address_is_case_insensitive_on_sign_in(ann: User, browser: Callable[[], Client]) -> None:
    client = browser()
    attempt_sign_in(client, ann.email.upper())
    assert sign_in(client)
    client.post("/sign-out/")
    assert not sign_in(client)


def test_five_wrong_passwords_lock_the_account_from_everywhere(ann: User, browser: Callable[[], Client]) -> None:
    for _ in range(5):
        assert "not correct" in attempt_sign_in(browser(), ann.email, "wrong wrong wrong")
    client = browser()
    assert "Too many failed" in attempt_sign_in(client, ann.email)
    assert not sign_in(client)


def test_many_names_from_one_address_are_throttled(ann: User, browser: Callable[[], Client]) -> None:
    client = browser()
    for _ in range(10):
        attempt_sign_in(client, f"{secrets.token_hex(4)}@example.org", "wrong wrong wrong")
    assert "Too many failed" in attempt_sign_in(client, ann.email)
    client = browser()
    attempt_sign_in(client, ann.email)
    assert sign_in(client)


def test_clients_behind_a_trusted_proxy_are_distinguished(ann: User, browser: Callable[[], Client]) -> None:
    with override_settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
        client, other = browser(), browser()
        for _ in range(11):
            client.post(
                SIGN_IN, {"login": "x@example.org", "password": "wrong"}, headers={"X-Forwarded-For": "a, 192.0.2.7"}
            )
        other.post(SIGN_IN, {"login": ann.email, "password": PASSWORD}, headers={"X-Forwarded-For": "192.0.2.8"})
        assert sign_in(other)


def test_unknown_address_and_wrong_password_show_the_same_page(ann: User, browser: Callable[[], Client]) -> None:
    strange, known_address = f"{secrets.token_hex(4)}@example.org", ann.email
    responses = [
        attempt_sign_in(browser(), email, "wrong wrong wrong").replace(email, "") for email in (strange, known_address)
    ]
    pages = [re.sub(r'(csrfmiddlewaretoken" value|X-CSRFToken": )[^>}]*', "", answer) for answer in responses]
    assert pages[0] == pages[1]


def test_signed_in_user_is_never_redirected_to_other_sites(ann: User, browser: Callable[[], Client]) -> None:
    for bad in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        response = browser().post(SIGN_IN, {"login": ann.email, "password": PASSWORD, "next": bad})
        assert response.status_code == 302
        assert "evil" not in response.headers["Location"]
        assert "javascript" not in response.headers["Location"]


def test_cookies_are_http_only_and_same_site(ann: User, browser: Callable[[], Client]) -> None:
    client = browser()
    client.get(SIGN_IN)
    attempt_sign_in(client, ann.email)
    for name in ("sessionid", "csrftoken", "device"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
        assert client.cookies[name]["path"] == "/"
        assert not client.cookies[name]["domain"]
    new = {"oldpassword": PASSWORD, "password1": PASSWORD + "2", "password2": PASSWORD + "2"}
    message = "Password successfully changed."
    assert message.encode() in client.post("/account/password/change/", new, follow=True).content
    assert set(client.cookies) == {"sessionid", "csrftoken", "device"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("url", "secure"), [("https://exhibit.example", True), ("http://exhibit.example", False), ("", False)]
)
def test_cookies_are_secure_behind_https_with_hsts(
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


def test_hsts_lasts_a_year(db: None) -> None:
    with override_settings(SECURE_HSTS_SECONDS=31536000, SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
        client = Client()
        response = client.get(SIGN_IN, headers={"X-Forwarded-Proto": "https"})
        http_response = client.get(SIGN_IN)
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Strict-Transport-Security" not in http_response.headers


def test_sign_up_requires_an_invitation(db: None, browser: Callable[[], Client]) -> None:
    client = browser()
    assert 'name="password1"' not in client.get("/sign-up/").content.decode()
    client.post("/sign-up/", {"email": "dora@example.org", "password1": PASSWORD})
    assert not User.objects.exists()


def test_open_sign_up_verifies_the_address_first(
    db: None, open_sign_up: None, browser: Callable[[], Client], mailoutbox: list[EmailMessage]
) -> None:
    client = browser()
    # No other test signs this address up: mails to one address are limited for some minutes.
    client.post("/sign-up/", {"email": "Open.Dora@Example.org", "password1": PASSWORD})
    dora = User.objects.get()
    assert (dora.username, dora.email) == ("open.dora@example.org", "open.dora@example.org")
    assert not sign_in(client)
    attempt_sign_in(client, dora.email)
    assert not sign_in(client)
    [mail] = mailoutbox
    client.post(extract_link(mail))
    assert EmailAddress.objects.get().verified
    attempt_sign_in(client, dora.email)
    assert sign_in(client)
    assert client.post("/owners/", {"name": "Dora's Pictures"}).headers["Location"] == "/o/doras-pictures/cases/"


def test_sign_up_with_a_used_address_notifies_only_its_owner(
    ann: User, open_sign_up: None, browser: Callable[[], Client], mailoutbox: list[EmailMessage]
) -> None:
    response = browser().post("/sign-up/", {"email": ann.email, "password1": PASSWORD + " 2"}, follow=True)
    assert "already" not in response.content.decode()
    assert User.objects.count() == 1
    assert [mail.to for mail in mailoutbox] == [[ann.email]]
    assert ann.check_password(PASSWORD)


def test_weak_password_is_rejected(db: None, open_sign_up: None, browser: Callable[[], Client]) -> None:
    response = browser().post("/sign-up/", {"email": "dora@example.org", "password1": "password1234"})
    assert "too common" in response.content.decode()
    assert not User.objects.exists()


def test_password_reset_link_works_once(
    ann: User, browser: Callable[[], Client], mailoutbox: list[EmailMessage], config: Config
) -> None:
    client = browser()
    with override_settings(CONFIG=replace(config, public_url="https://exhibit.example")):
        client.post("/account/password/reset/", {"email": ann.email}, headers={"Host": "localhost"})
        client.post("/account/password/reset/", {"email": "nobody@example.org"})
    [mail] = mailoutbox
    link = extract_link(mail)
    assert link.startswith("https://exhibit.example/account/password/reset/key/")
    path = link.removeprefix("https://exhibit.example")
    form = client.get(path, follow=True).redirect_chain[-1][0]
    client.post(form, dict.fromkeys(("password1", "password2"), "another horse battery staple"))
    ann.refresh_from_db()
    assert ann.check_password("another horse battery staple")
    assert [message.subject for message in mailoutbox[1:]] == ["Password Reset"]  # a user who did not do it is notified
    second_response = browser().get(path, follow=True)
    assert 'name="password1"' not in second_response.content.decode()


def test_unknown_host_is_rejected(db: None) -> None:
    assert Client().post("/account/password/reset/", headers={"Host": "evil.example"}).status_code == 400


def test_unreachable_mail_server_is_reported_on_the_page(
    ann: User, browser: Callable[[], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_connection(*_: object) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_connection)
    response = browser().post("/account/password/reset/", {"email": ann.email}, follow=True)
    assert (response.status_code, message_levels(response)) == (200, ["error"])


def test_address_equal_to_an_existing_user_name_is_rejected(ann: User) -> None:
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
        attempt_sign_in(client, ann.email)
        assert sign_in(client)
    page = second.get("/account/sessions/").content.decode()
    assert page.count("2001:db8:") == 2
    second.post("/account/sessions/")
    assert sign_in(second)
    assert not sign_in(first)


def test_expired_sessions_are_deleted(ann: User, browser: Callable[[], Client]) -> None:
    first, second = browser(), browser()
    for client in (first, second):
        attempt_sign_in(client, ann.email)
    Session.objects.filter(session_key=first.session.session_key).update(expire_date=now())
    assert devices.delete_expired_sessions() == 1
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [second.session.session_key]
    assert sign_in(second)
    assert not sign_in(first)


def test_changed_address_is_shown_in_records(
    ann: User, browser: Callable[[], Client], mailoutbox: list[EmailMessage]
) -> None:
    client = browser()
    attempt_sign_in(client, ann.email)
    page = client.post(reverse("account_email"), {"action_add": "", "email": "new@example.org"}, follow=True)
    if not mailoutbox:
        client.post(page.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    ann.refresh_from_db()
    assert ann.email != "new@example.org"
    client.post(next(extract_link(mail) for mail in mailoutbox if mail.to == ["new@example.org"]))
    ann.refresh_from_db()
    assert (ann.email, ann.username) == ("new@example.org", "new@example.org")
