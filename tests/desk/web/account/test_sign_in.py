"""Signing in and up: who may, how often one may try, what cookies and mails are like."""

import base64
import hmac
import html
import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client, override_settings
from django.urls import reverse

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.errors import IntegrityError
from exhibit.logs import JsonLines, TextLines
from registry.accounts import people, sessions
from registry.models import User
from tests import CHECKOUT
from tests.assets.rows import owner

PASSWORD = "correct horse battery staple"
SIGN_IN = "/sign-in/"


@pytest.fixture
def browser() -> Callable[[], Client]:
    """Browsers, each at an address of its own: what is throttled in one test isn't in another."""

    def opened() -> Client:
        return Client(REMOTE_ADDR=f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1")

    return opened


@pytest.fixture
def ann(db: None) -> User:
    people.add_member(owner("studio"), f"ann-{secrets.token_hex(4)}@example.org", "owner", PASSWORD, by="test")
    return User.objects.get()


@pytest.fixture
def in_the_open(config: Config) -> Iterator[None]:
    with override_settings(CONFIG=replace(config, sign_up="open")):
        yield


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def try_in(client: Client, email: str, password: str = PASSWORD) -> str:
    return client.post(SIGN_IN, {"login": email, "password": password}, follow=True).content.decode()


def link_of(mail: EmailMessage) -> str:
    [found] = re.findall(r"https?://\S+", str(mail.body))
    return str(found)


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
    for name in ("sessionid", "csrftoken"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
        assert client.cookies[name]["path"] == "/"
        assert not client.cookies[name]["domain"]
    new = {"oldpassword": PASSWORD, "password1": PASSWORD + "2", "password2": PASSWORD + "2"}
    said = "Password successfully changed."
    assert said.encode() in client.post("/account/password/change/", new, follow=True).content
    assert set(client.cookies) == {"sessionid", "csrftoken"}


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
    assert "by invitation" in client.get("/sign-up/").content.decode()
    client.post("/sign-up/", {"email": "dora@example.org", "password1": PASSWORD})
    assert not User.objects.exists()


def test_where_the_site_is_open_an_address_is_verified_before_anything_else(
    db: None, in_the_open: None, browser: Callable[[], Client], mailoutbox: list[EmailMessage]
) -> None:
    client = browser()
    client.post("/sign-up/", {"email": "Dora@Example.org", "password1": PASSWORD})
    dora = User.objects.get()
    assert (dora.username, dora.email) == ("dora@example.org", "dora@example.org")
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
    assert [one.subject for one in mailoutbox[1:]] == ["Password Reset"]  # whoever didn't do it learns of it
    again = browser().get(path, follow=True)
    assert 'name="password1"' not in again.content.decode()


def test_a_host_that_is_none_of_ours_is_refused(db: None) -> None:
    assert Client().post("/account/password/reset/", headers={"Host": "evil.example"}).status_code == 400


def test_a_second_factor_is_asked_for_and_its_secret_lies_encrypted(ann: User, browser: Callable[[], Client]) -> None:
    client = browser()
    try_in(client, ann.email)
    page = client.get("/account/2fa/totp/activate/", follow=True)
    if page.redirect_chain:
        page = client.post(page.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    secret = str(client.session["mfa.totp.secret"])
    assert secret in page.content.decode()
    client.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
    row = Authenticator.objects.get(type=Authenticator.Type.TOTP)
    assert secret not in str(row.data)
    assert get_adapter().decrypt(row.data["secret"]) == secret
    other = browser()
    try_in(other, ann.email)
    assert not signed_in(other)
    other.post("/account/2fa/authenticate/", {"code": "000000"})
    assert not signed_in(other)
    codes = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES).wrap().get_unused_codes()
    other.post("/account/2fa/authenticate/", {"code": codes[0]})
    assert signed_in(other)
    third = browser()
    try_in(third, ann.email)
    third.post("/account/2fa/authenticate/", {"code": codes[0]})
    assert not signed_in(third)


def test_who_comes_in_and_who_is_refused_is_logged_without_what_was_typed(
    ann: User, browser: Callable[[], Client], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "exhibit.account"):
        for login, password in ((ann.email, "wrong"), ("stranger@example.org", PASSWORD), (ann.email, PASSWORD)):
            browser().post("/sign-in/", {"login": login, "password": password})
    records = [one for one in caplog.records if one.name == "exhibit.account"]
    told = [JsonLines().format(one) for one in records]
    assert [json.loads(line)["user"] for line in told] == [None, None, ann.pk]
    addresses = [ip_address(json.loads(line)["address"]) for line in told]
    refused, came = "sign-in refused: user unknown, address ", f"signed in: user {ann.pk}, address "
    said = [f"{words}{place}" for words, place in zip((refused, refused, came), addresses, strict=True)]
    assert [TextLines().format(one) for one in records] == said == [json.loads(line)["message"] for line in told]
    assert not [line for line in told if PASSWORD in line or "example.org" in line]


def test_a_code_is_good_once_the_one_that_added_the_authenticator_too(ann: User, browser: Callable[[], Client]) -> None:
    client = browser()
    try_in(client, ann.email)
    page = client.get("/account/2fa/totp/activate/", follow=True)
    if page.redirect_chain:
        client.post(page.redirect_chain[-1][0], {"password": PASSWORD}, follow=True)
    secret = str(client.session["mfa.totp.secret"])
    first, later = code_of(secret), code_of(secret, 1)
    client.post("/account/2fa/totp/activate/", {"code": first})
    assert Authenticator.objects.filter(type=Authenticator.Type.TOTP).exists()

    def comes_in(code: str) -> bool:
        other = browser()
        try_in(other, ann.email)
        other.post("/account/2fa/authenticate/", {"code": code})
        return signed_in(other)

    assert not comes_in(first)
    assert comes_in(later)
    # allauth forgets after 30 seconds what is right for 90
    cache.delete(f"allauth.mfa.totp.used?user={ann.pk}&code={later}")
    assert not comes_in(later)
    assert not comes_in(f" {later[:3]} {later[3:]} ")


def test_a_secret_that_another_key_encrypted_is_told_with_what_to_do() -> None:
    kept = get_adapter().encrypt("JBSWY3DPEHPK3PXP")
    with (
        override_settings(SECRET_KEY="00" * 32),
        pytest.raises(IntegrityError, match="can't be unlocked") as caught,
    ):
        get_adapter().decrypt(kept)
    assert "secrets/secret_key" in caught.value.hint


def test_a_mail_server_that_does_not_answer_is_told_on_the_page(
    ann: User, browser: Callable[[], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refused)
    answer = browser().post("/account/password/reset/", {"email": ann.email}, follow=True)
    assert answer.status_code == 200
    assert "The mail couldn't be sent" in html.unescape(answer.content.decode())


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
    assert sessions.forget_ended() == 1
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


def code_of(secret: str, later: int = 0) -> str:
    """The six digits of this moment, or of half a minute later (RFC 6238, 4.2; RFC 4226, 5.3)."""
    counter = int(time.time()) // 30 + later
    mac = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 15
    return f"{(int.from_bytes(mac[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"
