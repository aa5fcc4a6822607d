"""One browser with short time limits for all tests of this folder, and a site that serves the image."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.assets.site import Answer, Site, picture

if TYPE_CHECKING:
    from evidence.capture.browser.capturer import BrowserCapturer


@pytest.fixture(scope="session")
def capturer() -> "Iterator[BrowserCapturer]":
    from tests.assets.browser_captures import capturer_with

    browser_capturer = capturer_with(seconds=12, load_seconds=3, scroll_seconds=2, resource_seconds=3)
    yield browser_capturer
    browser_capturer.close()


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        running.routes["/photo.jpg"] = Answer(picture(3), media_type="image/jpeg")
        yield running
