"""Test that bars at the bottom of a phone's screen do not cover controls."""

import pytest
from django.urls import reverse

from tests.assets.site_browser import Site
from tests.desk.web.cases.test_queue import create_cases

COVERED_ELEMENTS = """() => {
  const bar = [...document.querySelectorAll('body *')].find((one) => {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    return style.position === 'fixed' && box.height > 0 && box.width > 300 && Math.abs(box.bottom - innerHeight) < 2;
  });
  if (!bar) return ['there is no bar'];
  const pressed = [...document.querySelectorAll('a[href], button, summary')]
    .filter((one) => one.checkVisibility() && one.getClientRects().length && !bar.contains(one));
  return pressed.filter((one) => {
    one.focus();
    one.scrollIntoView({block: 'nearest', behavior: 'instant'});
    const box = [...one.getClientRects()].at(-1), over = bar.getBoundingClientRect();
    return box.bottom > over.top + 1 && box.top < over.bottom - 1;
  }).map((one) => one.outerHTML.slice(0, 120));
}"""
"""The links and buttons that a bar covers even when they are scrolled into view or focused."""


@pytest.mark.long
@pytest.mark.parametrize("name", ["cases", "case", "finds"])
def test_every_link_can_be_scrolled_above_the_bottom_bar(site: Site, name: str) -> None:
    ann = site.member(create_cases(site, 2), size=(390, 844))
    ann.open(reverse(name, args=["studio", *([1] if name == "case" else [])]))
    assert ann.page.evaluate(COVERED_ELEMENTS) == []
