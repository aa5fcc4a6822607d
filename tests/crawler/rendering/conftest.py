"""Fixtures for the tests of rendering, all of which need a browser and Playwright."""

import pytest

from exhibit.browser.program import find_browser


@pytest.fixture
def browser() -> None:
    """Skip the test if Playwright or a browser is not installed."""
    pytest.importorskip("playwright", reason="the optional component capture isn't installed")
    if find_browser("").path is None:
        pytest.skip(find_browser("").sentence)
