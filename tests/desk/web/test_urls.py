"""Test for every URL of the site who may open it, and that forms of other sites cannot reach it."""

import pytest
from django.test import Client
from django.urls import reverse

from registry.models import User
from tests.assets.accounts import ann
from tests.assets.desk_scene import Scene, addresses, patterns, scene

__all__ = ["ann", "scene"]


OPEN_PAGES = {
    "app-manifest",
    "push-worker",
    "healthz",
    "metrics",
    "language",
    "log-checkpoint",
    "log-tile",
    "log-entries",
    "add-checkpoint",
    "partner-card",
    "public-work",
    "public-work-facts",
    "ask",
    "robots",
    "soft-binding",
    "soft-binding-content",
    "manifest",
    "soft-binding-algorithms",
    "pdq-feed",
    "reply",
    "reply-pictures",
    "link",
    "link-file",
    "invitation",
    "unsubscribe",
    "mail-link",
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
"""URLs that respond to visitors who are not signed in; all others ask to sign in."""


@pytest.mark.long
def test_cross_site_posts_are_rejected(ann: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann)
    for name, address in addresses().items():
        if name in {"unsubscribe", "add-checkpoint"}:  # sent by programs, authenticated by a signature
            continue
        if name in {"soft-binding", "soft-binding-content"}:  # nothing is changed
            continue
        response = client.post(address, {"decision": "confirmed"})
        assert response.status_code == 403, (name, response.status_code)
    page = response.content.decode()
    assert "The form was not sent" in page
    assert "Sign out" in page  # the reader is still signed in


@pytest.mark.long
def test_all_pages_except_public_pages_require_signing_in(ann: User) -> None:
    for name, address in addresses().items():
        response = Client().get(address)
        if response.status_code == 405:
            response = Client().post(address)
        is_redirect = response.status_code == 302 and response.headers["Location"].startswith("/sign-in/")
        assert is_redirect != (name in OPEN_PAGES) or (name in OPEN_PAGES and response.status_code == 302), (
            name,
            response.status_code,
        )


def test_every_url_without_an_owner_is_covered_by_a_test(scene: Scene) -> None:
    """Test that every URL without an owner is listed, so that a new one is assigned to a test."""
    names = {pattern.name for pattern in patterns() if pattern.name and "slug" not in pattern.pattern.converters}
    own = {"home", "start", "owners", "add-sample", "accuracy", "blur", "account", "usersessions_list"}
    own |= {"add-push-browser", "remove-push-browser"}
    allauth_names = {name for name in names if name.startswith(("account_", "mfa_"))}
    of_the_operator = {"operator", "operator-details", "operator-retry", "operator-leave"}
    of_the_operator |= {
        "timestamp-services",
        "add-timestamp-service",
        "add-custom-timestamp-service",
        "remove-timestamp-service",
        "operator-settings",
    }
    secret = {"reply", "reply-pictures", "link", "link-file", "feed", "invitation", "unsubscribe", "mail-link"}
    public = {"healthz", "metrics", "language", "log-checkpoint", "log-tile", "log-entries"}
    public |= {"add-checkpoint", "partner-card", "public-work", "public-work-facts", "ask", "robots", "pdq-feed"}
    public |= {"soft-binding", "soft-binding-content", "manifest", "soft-binding-algorithms", "app-manifest"}
    public |= {"push-worker"}
    assert names == own | allauth_names | of_the_operator | secret | public
    assert scene.charlie.get(reverse("operator")).status_code == 404
    assert scene.charlie.post(reverse("operator-retry")).status_code == 404
    assert scene.charlie.post(reverse("operator-leave")).status_code == 404
    assert scene.charlie.get(reverse("timestamp-services")).status_code == 404
    assert scene.charlie.post(reverse("add-timestamp-service", args=["freetsa"])).status_code == 404
    assert scene.charlie.post(reverse("add-custom-timestamp-service")).status_code == 404
    assert scene.charlie.post(reverse("operator-settings")).status_code == 404
    assert scene.charlie.post(reverse("remove-timestamp-service", args=["freetsa"])).status_code == 404
