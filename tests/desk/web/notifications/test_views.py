"""Test the page on which a member chooses notifications."""

import pytest
from django.test import Client
from django.urls import reverse

from exhibit.clock import format_rfc3339, now
from registry.events import events
from registry.members import tokens
from registry.models import (
    Delivery,
    EventKind,
    Feed,
    MailChoice,
    Owner,
    User,
    Webhook,
)
from registry.notifications import webhooks
from tests.assets.accounts import PASSWORD, ann
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site
from tests.assets.source import collapse_whitespace
from tests.desk.web.notifications.test_mail_notifications import HowOften, create_member, studio

__all__ = ["ann", "studio"]


@pytest.mark.parametrize(
    ("address", "form"),
    [("feed", {"do": "make"}), ("webhooks", {"url": "https://192.0.2.1/", "kind": "case.opened"})],
)
def test_feed_and_webhook_secrets_require_the_password_again(ann: User, address: str, form: dict[str, str]) -> None:
    client = Client(REMOTE_ADDR="2001:db8:5::3")
    client.force_login(ann)
    response = client.post(f"/o/studio/told/{address}", form)
    assert response.headers["Location"].startswith("/account/reauthenticate/")
    client.post(response.headers["Location"], {"password": "wrong wrong wrong"})
    assert not Feed.objects.exists()
    assert not Webhook.objects.exists()
    confirmation = client.post(response.headers["Location"], {"password": PASSWORD})
    assert "no-store" in confirmation.headers["Cache-Control"]
    assert Feed.objects.exists() or "192.0.2.1" in confirmation.content.decode()  # refused as not public


def test_feed_is_revoked_without_a_password(ann: User) -> None:
    tokens.create_feed(Owner.objects.get(slug="studio"), ann, by="Ann")
    client = Client()
    client.force_login(ann)
    client.post("/o/studio/told/feed", {"do": "revoke"})
    assert not Feed.objects.exists()


def test_member_chooses_notification_settings(studio: Owner) -> None:
    ann = create_member(studio, "ann")
    client = Client()
    client.force_login(ann)
    client.post("/o/studio/told/mail", {"how-often": "weekly"})
    assert 'value="weekly" checked' in collapse_whitespace(client.get("/o/studio/told/").content.decode())
    client.post("/o/studio/told/mail", {"how-often": "hourly"})
    assert MailChoice.objects.get().mail_frequency == HowOften.WEEKLY


@pytest.mark.long
def test_notification_pages_are_accessible(site: Site) -> None:
    studio = owner("studio")
    row, _ = webhooks.add_webhook(
        site.services, studio, "https://example.org/hooks/exhibit", (EventKind.CASE_OPENED,), by="ann@example.org"
    )
    Webhook.objects.filter(pk=row.pk).update(failing_since=now(), ask_after=now())
    for number in range(1, 4):
        events.record_event(studio, EventKind.CASE_OPENED, {"case": number, "party": "shop.example", "work": 1})
    attempt = {
        "at": format_rfc3339(now()),
        "status": 503,
        "milliseconds": 87,
        "sentence": "It answered with status 503.",
    }
    Delivery.objects.update(answers=[attempt, attempt], tries=2, not_before=now())
    Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(state="done", delivered_at=now())
    ann = site.member(studio, size=PHONE, scheme="dark")
    ann.open(reverse("webhook", args=["studio", row.number]))
    ann.check()
    page = ann.open(reverse("told", args=["studio"]))
    ann.check()
    page.get_by_label("URL", exact=True).fill("https://example.org/another")
    page.get_by_role("button", name="Add webhook").click()
    page.wait_for_url("**/reauthenticate/**")
    ann.check()
    page.get_by_label("Password").fill("not used at all")
    page.get_by_role("button", name="Confirm").click()
    assert page.locator("code.secret").inner_text().startswith("whsec_")
    ann.check()
    page.get_by_role("link", name="I have copied the secret").click()
    assert "https://example.org/another" in page.inner_text("h1")
