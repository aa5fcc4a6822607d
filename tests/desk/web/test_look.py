"""The frame of every page: in both languages, at each size, light and dark, in the reader's zone."""

import pytest
from django.urls import reverse

from registry.models import Owner
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
