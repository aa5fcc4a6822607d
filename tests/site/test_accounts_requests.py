"""What holds for every address of the site: forgery, headers, sizes, and what is open to anybody."""

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.converters import IntConverter

from registry import people
from registry.models import User
from tests.flow.rows import owner
from tests.site.test_access import patterns

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
    people.add_member(owner("studio"), "ann@example.org", "owner", "correct horse battery staple", by="test")
    return User.objects.get()


def test_no_form_is_taken_from_another_site(ann: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann)
    for name, address in addresses().items():
        if name == "unsubscribe":  # programs of mail send it (RFC 8058); the signed token in it is what counts
            continue
        answer = client.post(address, {"decision": "confirmed"})
        assert answer.status_code == 403, (name, answer.status_code)
    assert "wasn" in answer.content.decode()


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
        assert "default-src 'none'" in headers["Content-Security-Policy"], name
        assert "unsafe" not in headers["Content-Security-Policy"], name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["Referrer-Policy"] == "same-origin", name
        assert "camera=()" in headers["Permissions-Policy"], name


def test_what_a_person_sees_is_kept_by_no_proxy(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    for address in ("/account/", "/o/studio/members/", "/o/studio/works/"):
        assert "private" in client.get(address).headers["Cache-Control"]
    made = client.post("/o/studio/tokens/make", {"name": "Nightly", "scopes": "read", "days": "7"})
    assert "no-store" in made.headers["Cache-Control"]


def test_a_token_is_shown_once_and_used_by_nobody_but_its_owner(ann: User) -> None:
    client = Client()
    client.force_login(ann)
    page = client.post(
        "/o/studio/tokens/make", {"name": "<b>Nightly</b>", "scopes": "read", "days": "7"}
    ).content.decode()
    assert "exh_" in page
    assert "<b>" not in page
    secret = page.split("<code>")[1].split("</code>")[0]
    assert secret not in client.get("/o/studio/tokens/").content.decode()


def test_a_security_key_of_somebody_else_is_not_there(ann: User) -> None:
    people.add_member(owner("agency"), "eve@example.org", "owner", "correct horse battery staple", by="test")
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
    member = Client()
    member.force_login(ann)
    assert member.get("/account/", CONTENT_LENGTH=large).status_code == 200
    answer = member.post("/o/studio/tokens/make", CONTENT_LENGTH=str(200 * 1024 * 1024))
    assert answer.status_code == 413
    assert b"Too much at once" in answer.content
