"""Test a new owner's first ten minutes in a browser, from the first link to the first match, guided by the pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, expect

from registry.cases import sample
from registry.members import invitations
from registry.models import Case, Crawl, Owner
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.site import Answer, Site as Shop
from tests.assets.site_browser import PHONE, Site, Visitor

PASSWORD = "a long enough secret"
TECHNICAL_TERMS = re.compile(
    r"\b(?:seal(?:s|ed|ing)?|derived|held back|belong together|canar(?:y|ies)|rests|likelihood ratio|prior)\b",
    re.IGNORECASE,
)
"""Technical words that must not be on the pages of the first day, unless details are opened."""


@dataclass
class Clicks:
    """A counter of clicks."""

    count: int = 0

    def click(self, what: Locator) -> None:
        what.click()
        self.count += 1


def check_page(visitor: Visitor) -> None:
    """Verify a page, and that it contains no technical words."""
    visitor.check()
    page = visitor.page
    assert TECHNICAL_TERMS.findall(page.locator("body").inner_text()) == [], page.url


@pytest.fixture
def shop(site: Site) -> Iterator[Shop]:
    """A site on loopback with a copy, which the installation may crawl."""
    site.services.config = replace(site.services.config, allowed_networks=("127.0.0.0/8",))
    with Shop() as running:
        running.page("/", '<title>The shop</title><img src="/wave.jpg" alt="">')
        running.routes["/wave.jpg"] = Answer(recompress(photograph(1)), "image/jpeg")
        yield running


@pytest.mark.long
def test_new_owner_gets_from_invitation_link_to_first_match(site: Site, shop: Shop, tmp_path: Path) -> None:
    clicks, ann = Clicks(), site.anonymous_visitor(size=PHONE)
    page = ann.open(reverse("invitation", args=[invitations.invite_operator(by="")]))
    page.locator("input[name=email]").fill("ann@example.org")
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("input[name=owner]").fill("Studio Ann")
    clicks.click(page.locator("main form button"))
    panel = page.locator("#what-next")
    clicks.click(panel.locator("a.button"))
    check_page(ann)
    (tmp_path / "wave.jpg").write_bytes(photograph(1))
    page.locator("#files").set_input_files(tmp_path / "wave.jpg")
    clicks.click(page.locator("main form button:not([type=button])").last)
    page.wait_for_url("**/uploads/1/")
    site.inline.run_until_idle()
    expect(page.locator("#progress .cards img")).to_have_count(1)  # it also appears without reloading
    clicks.click(panel.locator("a.button"))
    check_page(ann)
    page.locator("#addresses").fill(shop.url("/"))
    clicks.click(page.locator("button[value=sites]"))
    expect(page.get_by_test_id("under-way")).to_be_visible()
    check_page(ann)
    site.inline.run_until(lambda: Case.objects.exists() and Crawl.objects.get().finished_at is not None)
    find = page.locator("#under-way .finds a")  # a waiting user sees it
    expect(find.locator("img.found")).to_be_visible()
    check_page(ann)
    clicks.click(find)
    expect(page.get_by_role("slider")).to_be_visible()
    page.goto(page.url.split("/cases/")[0] + "/cases/")
    expect(panel.locator("kbd")).to_have_count(1)
    check_page(ann)
    assert clicks.count <= 6
    Case.objects.update(decision="dismissed")
    page.reload()
    expect(panel).to_have_count(0)  # it disappears after the first decision


@pytest.mark.long
def test_sample_data_is_added_tried_and_removed(site: Site) -> None:
    studio = owner("studio")
    register(site.services, studio, photograph(1))
    ann = site.member(studio, language="zh-CN")
    page, add = ann.open("/owners/"), ann.buttons_to("add-sample")
    ann.check()
    add.click()
    expect(page.locator("#what-next li:nth-child(3) strong")).to_be_visible()
    site.inline.run_until_idle()
    page.reload()
    expect(page.locator(".item")).to_have_count(len(sample.SAMPLE_COPIES))
    ann.check()
    sample_owner = Owner.objects.get(sample=True)
    for name in ("works", "watches", "licences", "notices", "downloads", "members"):
        ann.open(reverse(name, args=[sample_owner.slug]))
        expect(page.locator("aside.warning").first).to_be_visible()
    ann.open(reverse("case", args=[sample_owner.slug, 1]))
    ann.check()
    ann.open("/owners/")
    ann.buttons_to("remove-sample", sample_owner.slug).click()
    expect(add).to_be_visible()
    assert list(Owner.objects.all()) == [studio]
