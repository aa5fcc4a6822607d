"""Test dismissing a whole group of cases on the site: progress, undo, filter, and permissions."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from desk.web.cases import queue as test_queue_rows
from registry.models import GroupDecision, User
from tests.assets.rows import owner
from tests.assets.site_browser import PHONE, Site
from tests.desk.web.cases.test_queue import create_cases, open_queue


@pytest.mark.long
@pytest.mark.parametrize("javascript", [True, False])
def test_bulk_dismissal_beyond_one_page_can_be_undone(
    site: Site, monkeypatch: pytest.MonkeyPatch, *, javascript: bool
) -> None:
    monkeypatch.setattr(test_queue_rows, "ROWS_PER_PAGE", 2)
    studio = create_cases(site, 3)
    ann = open_queue(site.member(studio, javascript=javascript, size=PHONE))
    page = ann.page
    reason = page.locator("#reason")
    reason.focus()
    reason.fill("A logo.")
    page.locator(".whole summary").first.click()
    page.locator(".whole button[formaction*=put-aside]").click()
    expect(page.locator("#group")).to_contain_text(re.compile(r"\b0\D+3\b"))
    expect(page.locator("progress")).to_be_visible()
    assert page.locator("noscript meta").count() == (0 if javascript else 1)
    if javascript:
        ann.check()
    site.inline.run_until_idle()
    if javascript:  # without a script the page reloads itself
        page.reload()
    expect(page.locator("#group")).to_contain_text(re.compile(r"\b3\D+3\b"), timeout=20_000)
    assert set(studio.cases.values_list("decision", flat=True)) == {"dismissed"}
    assert set(studio.cases.values_list("reason", flat=True)) == {"A logo."}
    open_queue(ann)
    expect(page.locator(".message")).to_contain_text("ann@example.org")
    number = GroupDecision.objects.get().pk
    ann.links_to("group-decision", "studio", number).click()
    ann.buttons_to("undo-group", "studio", number).click()
    site.inline.run_until_idle()
    if javascript:
        page.reload()
    expect(page.locator("#group")).to_contain_text(re.compile(r"\b0\D+3\b"), timeout=20_000)
    assert set(studio.cases.values_list("decision", "is_pending")) == {("open", True)}
    expect(ann.buttons_to("undo-group", "studio", number)).to_have_count(0)


@pytest.mark.long
def test_bulk_dismissal_applies_to_the_filter_only(site: Site) -> None:
    studio = create_cases(site, 1, ("a.example", "b.example"))
    ann = open_queue(site.member(studio))
    expect(ann.page.locator("button[formaction*=put-aside]")).to_have_count(0)
    open_queue(ann, "?q=b.ex")
    ann.page.locator("button[formaction*=put-aside]").click()
    ann.page.locator("#group").wait_for()
    site.inline.run_until_idle()
    assert dict(studio.cases.values_list("party", "decision")) == {"a.example": "open", "b.example": "dismissed"}
    stranger, eve = Client(), User.objects.create_user("eve", "eve@example.org", "not used")
    owner("elsewhere").memberships.create(user=eve)
    stranger.force_login(eve)
    number = GroupDecision.objects.get().pk
    for name, slug in (("group-decision", "studio"), ("group-decision", "elsewhere")):
        assert stranger.get(reverse(name, args=[slug, number])).status_code == 404
    assert stranger.post(reverse("undo-group", args=["elsewhere", number])).status_code == 404
    assert GroupDecision.objects.get().undone_at is None
