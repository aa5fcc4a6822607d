"""Test attacks on sign-ins, sessions and mailed links, one attempt each; like ``test_attempts.py``."""

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth import hashers
from django.core.cache import cache
from django.test import Client, override_settings

from registry.models import Owner, User
from registry.services.addresses import REDIS_SECONDS
from tests.assets.api_programs import studio

__all__ = ["studio"]
PASSWORD = "a long one of words"


@pytest.fixture(autouse=True)
def reset_attempt_counts() -> Iterator[None]:
    """Reset the counts of other tests' attempts."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ann(studio: Owner) -> User:
    """A member with a password."""
    user = User.objects.get(username="alice@example.org")
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def sign_in(client: Client, ann: User, password: str = PASSWORD, **more: str) -> int:
    return client.post("/sign-in/", {"login": ann.email, "password": password, **more}).status_code


@pytest.mark.parametrize("frozen", [True, False], ids=["it is frozen", "it is gone"])
def test_page_that_needs_redis_reports_that_redis_is_unavailable(ann: User, open_folder: Path, *, frozen: bool) -> None:
    """Test with a frozen server, whose socket accepts connections and does not respond."""
    socket_path = str(open_folder / "redis.sock")
    default: dict[str, Any] = dict(settings.CACHES["default"])
    assert default["OPTIONS"]["socket_timeout"] == REDIS_SECONDS
    short = {"socket_timeout": 0.1, "socket_connect_timeout": 0.1}
    caches = {"default": {**default, "LOCATION": f"unix://{socket_path}", "OPTIONS": short}}
    browser = Client(raise_request_exception=False)
    with closing(socket.socket(socket.AF_UNIX)) as silent_server, override_settings(CACHES=caches):
        if frozen:
            silent_server.bind(socket_path)
            silent_server.listen()
        response = browser.post("/sign-in/", {"login": ann.email, "password": PASSWORD})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")


def test_session_id_changes_on_sign_in(ann: User) -> None:
    victim = Client()
    victim.cookies[settings.SESSION_COOKIE_NAME] = "planted0planted0planted0planted0"
    victim.get("/sign-in/")
    before = victim.cookies[settings.SESSION_COOKIE_NAME].value
    assert sign_in(victim, ann) == 302
    assert victim.cookies[settings.SESSION_COOKIE_NAME].value != before
    attacker = Client()
    attacker.cookies[settings.SESSION_COOKIE_NAME] = before
    assert attacker.get("/o/studio/cases/").status_code == 302


def test_session_is_invalid_after_signing_out_or_a_new_password(ann: User) -> None:
    first, second = Client(), Client()
    for client in (first, second):
        assert sign_in(client, ann) == 302
        assert client.get("/o/studio/cases/").status_code == 200
    cookie = first.cookies[settings.SESSION_COOKIE_NAME].value
    first.post("/sign-out/")
    attacker = Client()
    attacker.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert attacker.get("/o/studio/cases/").status_code == 302
    ann.set_password("another long one of words")
    ann.save()
    assert second.get("/o/studio/cases/").status_code == 302


@pytest.mark.parametrize("next_", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_sign_in_never_redirects_to_other_sites(ann: User, next_: str) -> None:
    client = Client()
    response = client.post("/sign-in/", {"login": ann.email, "password": PASSWORD, "next": next_})
    assert response.headers["Location"] == "/"


@pytest.mark.parametrize(
    "target_url", ["//evil.example/x", "https://evil.example/o/", "http://testserver@evil.example/"]
)
def test_language_choice_never_redirects_to_other_sites(db: None, target_url: str) -> None:
    response = Client().post("/language", {"language": "en"}, headers={"Referer": target_url})
    assert response.headers["Location"] == "/"


@pytest.mark.long
def test_forged_address_header_does_not_evade_attempt_counts(ann: User) -> None:
    """Guessing a password with ever new X-Forwarded-For headers."""
    for number in range(40):
        response = Client(headers={"X-Forwarded-For": f"203.0.113.{number}"}).post(
            "/sign-in/", {"login": ann.email, "password": f"wrong {number}"}
        )
    assert response.status_code == 429 or "Too many" in response.content.decode()
    assert sign_in(Client(headers={"X-Forwarded-For": "198.51.100.1"}), ann) != 302


def test_pages_do_not_reveal_account_existence(ann: User, mailoutbox: list[object]) -> None:
    """Enumeration: password reset, sign-in and sign-up respond alike."""
    with override_settings(CONFIG=replace(settings.CONFIG, sign_up="open")):
        for path, fields in (
            ("/account/password/reset/", {}),
            ("/sign-in/", {"password": "wrong wrong wrong"}),
            ("/sign-up/", {"password1": "seventeen horses run"}),
        ):
            responses = []
            for email in (ann.email, "stranger@example.org"):
                cache.clear()
                response = Client().post(path, {"email": email, "login": email, **fields}, follow=True)
                responses.append(
                    (response.status_code, response.redirect_chain, response.content.decode().replace(email, ""))
                )
            assert responses[0][:2] == responses[1][:2], path


def test_password_check_takes_as_long_for_unknown_users(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timing: the same number of hashes is computed."""
    counts: list[int] = []
    original_encode = hashers.MD5PasswordHasher.encode

    def encode_and_count(self: hashers.MD5PasswordHasher, password: str, salt: str) -> str:
        counts.append(1)
        return original_encode(self, password, salt)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "encode", encode_and_count)
    computed = []
    for email in (ann.email, "stranger@example.org"):
        counts.clear()
        Client().post("/sign-in/", {"login": email, "password": "wrong wrong wrong"})
        computed.append(len(counts))
    assert computed[0] == computed[1] > 0


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded"])
def test_mail_links_ignore_host_headers(
    ann: User, header: str, mailoutbox: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Poisoned password resets and caches."""
    response = Client().post("/account/password/reset/", {"email": ann.email}, headers={header: "evil.example"})
    assert response.status_code == (400 if header == "Host" else 302)
    assert "evil.example" not in str([getattr(message, "body", "") for message in mailoutbox])
