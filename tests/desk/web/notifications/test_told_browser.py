"""Being told, in a real browser: what was sent to a webhook and how it answered, and one that is added."""

from django.urls import reverse

from exhibit.clock import now, rfc3339
from registry.models import Delivery, EventKind, Webhook
from registry.notifications import events
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site
from workers.notify import webhooks


def test_the_pages_can_be_used_by_everybody(site: Site) -> None:
    studio = owner("studio")
    row, _ = webhooks.add_webhook(
        site.services, studio, "https://example.org/hooks/exhibit", (EventKind.CASE_OPENED,), by="ann@example.org"
    )
    Webhook.objects.filter(pk=row.pk).update(failing_since=now(), ask_after=now())
    for number in range(1, 4):
        events.record(studio, EventKind.CASE_OPENED, {"case": number, "party": "shop.example", "work": 1})
    told = {"at": rfc3339(now()), "status": 503, "milliseconds": 87, "sentence": "It answered with status 503."}
    Delivery.objects.update(answers=[told, told], tries=2, not_before=now())
    Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(state="done", delivered_at=now())
    ann = site.member(studio, size=PHONE, scheme="dark")
    ann.open(reverse("webhook", args=["studio", row.number]))
    ann.check()
    page = ann.open(reverse("told", args=["studio"]))
    ann.check()
    page.get_by_label("Address").fill("https://example.org/another")
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url("**/reauthenticate/**")
    ann.check()
    page.get_by_label("Password").fill("not used at all")
    page.get_by_role("button", name="Confirm").click()
    assert page.locator("code.secret").inner_text().startswith("whsec_")
    ann.check()
    page.get_by_role("link", name="I have copied it").click()
    assert "https://example.org/another" in page.inner_text("h1")
