"""A new owner's first ten minutes in a browser: from the first link to the first find, led by the pages themselves."""

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
from tests.assets.rows import copy_of, owner, photograph, register
from tests.assets.site import Answer, Site as Shop
from tests.assets.site_browser import DESKTOP, PHONE, Look, Site, Visitor

PASSWORD = "a long enough secret"
NOT_YET = re.compile(
    r"\b(?:seal(?:s|ed|ing)?|derived|held back|belong together|canar(?:y|ies)|rests|likelihood ratio|prior)\b",
    re.IGNORECASE,
)
"""Words that a photographer would have to ask about: not on the pages of the first day, unless details are opened."""


@dataclass
class Clicks:
    """Counts them."""

    made: int = 0

    def on(self, what: Locator) -> None:
        what.click()
        self.made += 1


def look_at(visitor: Visitor) -> None:
    """A page as it has to be, in words that nobody has to ask about."""
    visitor.check()
    page = visitor.page
    assert NOT_YET.findall(page.locator("body").inner_text()) == [], page.url


@pytest.fixture
def shop(site: Site) -> Iterator[Shop]:
    """A site on loopback that shows a copy, which the installation may visit."""
    site.services.config = replace(site.services.config, allowed_networks=("127.0.0.0/8",))
    with Shop() as running:
        running.page("/", '<title>The shop</title><img src="/wave.jpg" alt="">')
        running.routes["/wave.jpg"] = Answer(copy_of(photograph(1)), "image/jpeg")
        yield running


@pytest.mark.long
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_from_the_first_link_to_the_first_find(site: Site, shop: Shop, tmp_path: Path, size: tuple[int, int]) -> None:
    clicks, ann = Clicks(), site.nobody(size=size)
    page = ann.open(reverse("invitation", args=[invitations.invite_operator(by="")]))
    page.get_by_label("E-mail address").fill("ann@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Name of the rights holder").fill("Studio Ann")
    clicks.on(page.get_by_role("button", name="Begin"))
    panel = page.get_by_role("complementary", name="What comes next")
    clicks.on(panel.get_by_role("link", name="Add works"))
    look_at(ann)
    (tmp_path / "wave.jpg").write_bytes(photograph(1))
    page.get_by_label("Choose pictures", exact=True).set_input_files(tmp_path / "wave.jpg")
    clicks.on(page.get_by_role("button", name="Upload"))
    page.wait_for_url("**/uploads/1/")
    site.inline.run_until_idle()
    expect(page.locator("#progress .cards img")).to_have_count(1)  # it comes by itself, too
    clicks.on(panel.get_by_role("link", name="Where would my pictures be?"))
    look_at(ann)
    page.get_by_label("Addresses, one a line").fill(shop.url("/"))
    clicks.on(page.get_by_role("button", name="Look at these sites"))
    expect(page.locator("#under-way")).to_contain_text("Pages are visited")
    look_at(ann)
    site.inline.run_until(lambda: Case.objects.exists() and Crawl.objects.get().finished_at is not None)
    find = page.locator("#under-way .finds a")  # whoever waits is shown it
    expect(find.locator("img.found")).to_be_visible()
    look_at(ann)
    clicks.on(find)
    expect(page.get_by_role("slider")).to_be_visible()
    page.goto(page.url.split("/cases/")[0] + "/cases/")
    expect(panel).to_contain_text("Undo")
    look_at(ann)
    assert clicks.made <= 6
    Case.objects.update(decision="cleared")
    page.reload()
    expect(panel).to_have_count(0)  # once something is decided it is gone


@pytest.mark.long
@pytest.mark.parametrize("look", [Look(size=PHONE, scheme="dark"), Look(language="zh-CN")])
def test_a_sample_is_added_tried_and_taken_away(site: Site, look: Look) -> None:
    studio = owner("studio")
    register(site.services, studio, photograph(1))
    ann = site.member(studio, **look)
    english = look.get("language") is None
    page, add = ann.open("/owners/"), page_button(english, "Add the sample", "添加样例")
    ann.check()
    page.get_by_role("button", name=add).click()
    expect(page.locator("#what-next strong")).to_have_text("Wait for the first find" if english else "等待首个发现")
    site.inline.run_until_idle()
    page.reload()
    expect(page.locator(".item")).to_have_count(len(sample.FINDS))
    ann.check()
    made = Owner.objects.get(sample=True)
    for name in ("works", "watches", "licences", "notices", "downloads", "members"):
        ann.open(reverse(name, args=[made.slug]))
        expect(page.locator("aside.warning").first).to_contain_text("Sample." if english else "样例")
    ann.open(reverse("case", args=[made.slug, 1]))
    ann.check()
    ann.open("/owners/")
    page.get_by_role("button", name=page_button(english, "Remove the sample", "移除样例")).click()
    expect(page.get_by_role("button", name=add)).to_be_visible()
    assert list(Owner.objects.all()) == [studio]


def page_button(english: bool, *names: str) -> str:  # noqa: FBT001 - one of two languages
    """What a button is called."""
    return names[0 if english else 1]
