"""Test details of the queue that confused users: Back, a phone's screen, a licence that does not exist yet."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from desk.texts.cases import decision_in_words
from registry.models import Case
from tests.assets.site_browser import PHONE, Site
from tests.desk.web.cases.test_queue import create_cases, open_queue, wait_for_decisions
from tests.desk.web.cases.test_views import IS_VISIBLE


@pytest.mark.long
def test_back_button_shows_the_current_queue_without_scripts(site: Site) -> None:
    ann = open_queue(site.member(create_cases(site, 2), javascript=False))
    page = ann.page
    page.locator(".item h3 a").first.click()
    page.locator("details.confirm summary").click()
    page.locator("#decision button[value=confirmed]").click()
    expect(page.locator("#done")).to_be_visible()
    page.go_back()
    expect(page.locator("#decision strong").first).to_have_text(decision_in_words("confirmed"))
    page.go_back()
    wait_for_decisions(ann, 1)
    expect(page.locator(".item")).to_have_count(1)
    for address in ("cases/", "cases/1/"):  # a browser that caches pages would show the old state
        response = page.goto(f"{site.base}/o/studio/{address}")
        assert response is not None
        assert response.headers["cache-control"] == "private, no-store"


@pytest.mark.long
def test_first_case_is_decided_on_a_phone_without_scrolling(site: Site) -> None:
    studio = create_cases(site, 2)
    ann = open_queue(site.member(studio, size=PHONE))
    page = ann.page
    for button in page.locator(".item").first.locator(".buttons > *").all():
        assert button.evaluate(IS_VISIBLE)
    reason, undo = page.locator("#reason"), page.locator("#undo")
    assert not reason.evaluate(IS_VISIBLE)
    page.locator("label[for=reason]").tap()
    assert reason.evaluate(IS_VISIBLE)
    assert undo.evaluate(IS_VISIBLE)
    ann.check()
    page.keyboard.type("No permission.")
    page.locator(".item").first.locator("[value^=confirmed]").tap()
    wait_for_decisions(ann, 1)
    assert Case.objects.get(decision="confirmed").reason == "No permission."
    expect(page.locator(".outcome").first).to_contain_text("20")
    assert not reason.evaluate(IS_VISIBLE)
    expect(page.get_by_role("searchbox")).to_be_hidden()
    page.locator("form.search summary").tap()
    expect(page.get_by_role("searchbox")).to_be_visible()


@pytest.mark.long
def test_licence_shortcut_opens_the_licence_form_if_there_are_no_licences(site: Site) -> None:
    ann = open_queue(site.member(create_cases(site, 1)))
    ann.page.keyboard.press("l")
    add = ann.page.locator(".licences a")
    expect(add).to_be_focused()
    ann.check()
    ann.page.keyboard.press("Enter")
    expect(ann.page.locator("#domain")).to_have_value("shop.example")
    expect(ann.page.locator("#works")).to_have_value("1")
    ann.open(reverse("case", args=["studio", 1]))
    ann.page.keyboard.press("l")
    expect(ann.page.locator("details[open] a[href*='/licences/new']")).to_be_focused()
