"""The frame of every page: in both languages, at each size, light and dark, in the reader's zone."""

import pytest
from django.urls import reverse

from registry.models import Owner, User
from tests.assets.rows import found_case, owner
from tests.assets.site_browser import DESKTOP, PHONE, TABLET, Site


def with_a_case(site: Site) -> Owner:
    studio = owner("studio")
    found_case(site.services, studio)
    return studio


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (PHONE, "dark"), (TABLET, "light"), (DESKTOP, "dark")])
def test_each_page_fits_the_screen_and_can_be_read_by_everybody(site: Site, size: tuple[int, int], scheme: str) -> None:
    ann = site.member(with_a_case(site), size=size, scheme=scheme)
    for name in ("cases", "works", "watches", "downloads"):
        ann.open(reverse(name, args=["studio"]))
        ann.check()
    for name in ("case", "work", "watch"):
        ann.open(reverse(name, args=["studio", 1]))
        ann.check()


def test_the_browser_says_which_language_until_a_person_chooses(site: Site) -> None:
    ann = site.member(owner("studio"), language="zh-CN")
    page = ann.open(reverse("works", args=["studio"]))
    assert page.locator("html").get_attribute("lang") == "zh-hans"
    page.get_by_role("button", name="English").click()
    page.wait_for_load_state()
    assert page.url.endswith(reverse("works", args=["studio"]))
    assert page.locator("html").get_attribute("lang") == "en"
    assert User.objects.get().language == "en"
    elsewhere = site.signed_in(User.objects.get(), language="zh-CN")
    assert elsewhere.open(reverse("works", args=["studio"])).locator("html").get_attribute("lang") == "en"


def test_times_are_in_the_readers_zone_with_utc_beside_them(site: Site) -> None:
    ann = site.member(with_a_case(site), zone="Asia/Shanghai")
    ann.open(reverse("work", args=["studio", 1]))
    page = ann.open(reverse("work", args=["studio", 1]))
    shown = page.evaluate(
        """() => [...document.querySelectorAll('time')].map((one) => [one.textContent, one.title,
          new Intl.DateTimeFormat('en-GB', {timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit'})
            .format(new Date(one.dateTime)),
          new Date(one.dateTime).toISOString().slice(0, 19).replace('T', ' ') + ' UTC'])"""
    )
    assert shown
    assert all(text.endswith(local) and title == utc for text, title, local, utc in shown), shown
    assert User.objects.get().time_zone == "Asia/Shanghai"


def test_a_zone_that_is_none_is_left_alone(site: Site) -> None:
    ann = site.member(owner("studio"), javascript=False)
    ann.page.context.add_cookies([{"name": "zone", "value": "../../etc/passwd", "url": ann.base}])
    ann.open(reverse("works", args=["studio"]))
    assert User.objects.get().time_zone == ""
