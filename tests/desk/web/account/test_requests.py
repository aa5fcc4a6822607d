"""What holds for every address of the site: forgery, headers, sizes, and what is open to anybody."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client, override_settings
from django.urls import get_resolver, reverse
from django.urls.converters import IntConverter

from registry.accounts import feeds, people, tokens
from registry.models import ApiToken, Feed, Owner, User, Webhook
from tests.assets.rows import owner
from tests.desk.web.common.test_access import patterns

PASSWORD = "correct horse battery staple"
VALUES: dict[str, object] = {
    "slug": "studio",
    "key": "x",
    "uidb36": "1",
    "path": "000",
    "drawing": "overlay.jpg",
    "paper": "us-902",
    "digest": "0" * 64,
    "kind": "dmca",
    "language": "en",
}
OPEN = {
    "healthz",
    "metrics",
    "language",
    "log-checkpoint",
    "log-tile",
    "log-entries",
    "link",
    "link-file",
    "invitation",
    "unsubscribe",
    "feed",
    "account_login",
    "account_logout",
    "account_signup",
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_confirm_email",
    "account_email_verification_sent",
    "account_confirm_login_code",
    "mfa_authenticate",
    "mfa_login_webauthn",
}
"""What answers somebody who isn't signed in; all else asks to sign in."""


def addresses() -> dict[str, str]:
    """An address of every pattern of the site, allauth's too, with numbers that may not exist."""
    return {one.name: address_of(one.name) for one in patterns() if one.name is not None}


def address_of(name: str) -> str:
    [(_, keys), *_others], _pattern, _defaults, converters = get_resolver().reverse_dict.getlist(name)[0]
    whole = {key for key, converter in converters.items() if isinstance(converter, IntConverter)}
    return reverse(name, kwargs={key: 1 if key in whole else VALUES.get(key, "x") for key in keys})


@pytest.fixture
def ann(db: None) -> User:
    people.add_member(owner("studio"), "ann@example.org", "owner", PASSWORD, by="test")
    return User.objects.get()


def test_no_form_is_taken_from_another_site(ann: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann)
    for name, address in addresses().items():
        if name == "unsubscribe":  # programs of mail send it (RFC 8058); the signed token in it is what counts
            continue
        answer = client.post(address, {"decision": "confirmed"})
        assert answer.status_code == 403, (name, answer.status_code)
    page = answer.content.decode()
    assert "This form wasn't sent" in page
    assert "Sign out" in page  # it still knows who reads it


def test_whoever_is_not_signed_in_is_asked_to_on_all_but_what_is_open(ann: User) -> None:
    for name, address in addresses().items():
        answer = Client().get(address)
        if answer.status_code == 405:
            answer = Client().post(address)
        asked = answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in/")
        assert asked != (name in OPEN) or (name in OPEN and answer.status_code == 302), (name, answer.status_code)


def test_every_answer_forbids_what_does_not_belong_to_the_site(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    for name, address in addresses().items():
        headers = client.get(address).headers
        policy = set(headers["Content-Security-Policy"].split("; "))
        assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= policy, name
        assert "unsafe" not in headers["Content-Security-Policy"], name
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", name
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["Referrer-Policy"] == "same-origin", name
        assert "camera=()" in headers["Permissions-Policy"], name


def test_what_a_person_sees_is_kept_by_no_proxy(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    for address in ("/account/", "/o/studio/members/", "/o/studio/works/"):
        assert "private" in client.get(address).headers["Cache-Control"]


def test_a_token_is_made_once_its_person_has_given_the_password_again_and_is_shown_once(ann: User) -> None:
    client = Client(REMOTE_ADDR="2001:db8:5::1")
    client.force_login(ann)
    typed = {"name": "<b>Nightly</b>", "scopes": "read", "days": "7"}
    asked = client.post("/o/studio/tokens/make", typed)
    assert asked.headers["Location"].startswith("/account/reauthenticate/")
    client.post(asked.headers["Location"], {"password": "wrong wrong wrong"})
    assert not ApiToken.objects.exists()
    made = client.post(asked.headers["Location"], {"password": PASSWORD})
    assert "no-store" in made.headers["Cache-Control"]
    page = made.content.decode()
    assert "exh_" in page
    assert "<b>" not in page
    secret = page.split("<code>")[1].split("</code>")[0]
    assert tokens.find(secret) is not None
    assert secret not in client.get("/o/studio/tokens/").content.decode()
    assert client.post("/o/studio/tokens/make", typed).status_code == 200  # within some minutes once is enough
    with override_settings(ACCOUNT_REAUTHENTICATION_TIMEOUT=0):
        assert client.post("/o/studio/tokens/make", typed).status_code == 302
    assert ApiToken.objects.count() == 2


@pytest.mark.parametrize(
    ("address", "typed"),
    [("feed", {"do": "make"}), ("webhooks", {"url": "https://192.0.2.1/", "kind": "case.opened"})],
)
def test_secrets_of_feeds_and_webhooks_are_shown_to_who_has_given_the_password_again(
    ann: User, address: str, typed: dict[str, str]
) -> None:
    client = Client(REMOTE_ADDR="2001:db8:5::3")
    client.force_login(ann)
    asked = client.post(f"/o/studio/told/{address}", typed)
    assert asked.headers["Location"].startswith("/account/reauthenticate/")
    client.post(asked.headers["Location"], {"password": "wrong wrong wrong"})
    assert not Feed.objects.exists()
    assert not Webhook.objects.exists()
    made = client.post(asked.headers["Location"], {"password": PASSWORD})
    assert "no-store" in made.headers["Cache-Control"]
    assert Feed.objects.exists() or "192.0.2.1" in made.content.decode()  # which is refused: it isn't public


def test_a_feed_is_revoked_without_a_password(ann: User) -> None:
    feeds.make(Owner.objects.get(slug="studio"), ann, by="Ann")
    client = Client()
    client.force_login(ann)
    client.post("/o/studio/told/feed", {"do": "revoke"})
    assert not Feed.objects.exists()


def test_a_second_factor_is_taken_away_once_its_person_has_shown_one_again(ann: User) -> None:
    TOTP.activate(ann, generate_totp_secret())
    codes = RecoveryCodes.activate(ann)
    key = Authenticator.objects.create(user=ann, type="webauthn", data={"name": "Key"})
    client = Client(REMOTE_ADDR="2001:db8:5::2")
    client.force_login(ann)
    removing = ["/account/2fa/totp/deactivate/", f"/account/2fa/webauthn/keys/{key.pk}/remove/"]
    for address in [*removing, "/account/2fa/recovery-codes/generate/"]:
        assert client.post(address).headers["Location"].startswith("/account/reauthenticate/"), address
    assert client.get("/account/2fa/recovery-codes/").headers["Location"].startswith("/account/reauthenticate/")
    assert Authenticator.objects.filter(user=ann).count() == 3
    code = codes.get_unused_codes()[0]
    client.post(f"/account/2fa/reauthenticate/?next={removing[0]}", {"code": code})
    for address in removing:
        client.post(address)
    assert not Authenticator.objects.filter(user=ann, type__in=["totp", "webauthn"]).exists()


def test_a_security_key_of_somebody_else_is_not_there(ann: User) -> None:
    people.add_member(owner("agency"), "eve@example.org", "owner", PASSWORD, by="test")
    key = Authenticator.objects.create(user=ann, type="webauthn", data={"name": "Key"})
    eve = Client()
    eve.force_login(User.objects.get(email="eve@example.org"))
    for what in ("edit", "remove"):
        answer = eve.get(f"/account/2fa/webauthn/keys/{key.pk}/{what}/")
        assert answer.status_code in (302, 404)
        assert b"Key" not in answer.content
    assert Authenticator.objects.filter(pk=key.pk).exists()


def test_who_is_not_signed_in_brings_no_megabytes(ann: User) -> None:
    large = str(2 * 1024 * 1024)
    assert Client().post("/sign-in/", CONTENT_LENGTH=large).status_code == 413
    made_up = Client(headers={"Authorization": "Bearer exh_made-up"})
    assert made_up.post("/api/v1/owners/studio/works", CONTENT_LENGTH=large).status_code == 413
    _, secret = tokens.make(Owner.objects.get(), ann, name="Nightly", scopes=["read"], days=1)
    program = Client(headers={"Authorization": f"Bearer {secret}"})
    assert program.post("/api/v1/owners/studio/works", CONTENT_LENGTH=large).status_code == 403
    member = Client()
    member.force_login(ann)
    assert member.get("/account/", CONTENT_LENGTH=large).status_code == 200
    answer = member.post("/o/studio/tokens/make", CONTENT_LENGTH=str(200 * 1024 * 1024))
    assert answer.status_code == 413
    assert b"Too much at once" in answer.content


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
