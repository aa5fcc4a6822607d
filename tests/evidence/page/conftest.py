"""A browser, and the verification page opened in it with the trust list of the scene."""

from collections.abc import Iterator

import pytest

from tests.assets.browser import CHROMIUM, Chromium
from tests.assets.bundles import Scene
from tests.assets.verify_page import Page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if CHROMIUM is None:
        pytest.skip("Chromium isn't installed")
    with Chromium(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(scope="module")
def page(browser: Chromium, scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(browser.tab(), scene.trust, tmp_path_factory.mktemp("page"))
