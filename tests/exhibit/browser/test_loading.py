"""Test that a page loads as far as its time allows."""

import pytest

from exhibit.browser.program import find_browser

pytest.importorskip("playwright", reason="the optional component capture isn't installed")
if find_browser("").path is None:
    pytest.skip(find_browser("").sentence, allow_module_level=True)
from evidence.capture.browser.traffic import TOO_SLOW_SENTENCE
from tests.assets.browser_captures import (
    capturer_with,
    record,
    visit,
)
from tests.assets.site import Answer, Site


@pytest.mark.long
def test_incomplete_page_load_is_reported_as_slow() -> None:
    with Site() as site:
        _slow_page(site)


def _slow_page(site: Site) -> None:
    site.routes["/"] = Answer(b"<p>", length=1000, pieces=60, pause=0.1)
    slow = capturer_with(seconds=8, load_seconds=1, resource_seconds=20)
    captured = visit(slow, site)
    slow.close()
    assert captured.outcome == "unreachable"
    assert TOO_SLOW_SENTENCE in captured.sentence
    assert [failure["reason"] for failure in record(captured)["failures"]] == ["too-slow"]
