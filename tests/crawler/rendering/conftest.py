"""Every test here needs a browser, and what steers it."""

import pytest

from exhibit.browser.program import find_browser


@pytest.fixture
def browser() -> None:
    """Skip where there is none."""
    pytest.importorskip("playwright", reason="the optional part capture isn't installed")
    if find_browser("").path is None:
        pytest.skip(find_browser("").sentence)
