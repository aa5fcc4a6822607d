"""A site with a planted copy of a work, and a watch that must find it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from registry.crawls import copy_checks
from registry.fingerprints import fingerprints
from registry.models import (
    Watch,
    Work,
)
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.shop import LOOPBACK, Shop, create_watch
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def inline(db: None, config: Config, tmp_path: Path) -> Iterator[SyncRunner]:
    fingerprints.clear_cached_spaces()
    yield SyncRunner(replace(config, data_dir=tmp_path, allowed_networks=(LOOPBACK,), languages=("en",), anchors=()))
    fingerprints.clear_cached_spaces()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Site(host="127.0.0.5") as site:
        test_shop = Shop(site)
        test_shop.image("/copy.jpg", recompress(photograph(0)))
        test_shop.image("/other.jpg", photograph(50))
        site.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /closed/\n", "text/plain")
        test_shop.page("/", "/other.jpg")
        test_shop.page("/planted", "/copy.jpg")
        test_shop.page("/empty", "/other.jpg")
        test_shop.page("/closed/planted", "/copy.jpg")
        yield test_shop


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    return register(inline.services, owner("studio"), photograph(0), "Hills").work


def plant_copies(work: Work, shop: Shop, *paths: str) -> Watch:
    shop_watch = create_watch(work.owner, shop.url())
    for path in paths:
        copy_checks.add_known_copy(work, shop_watch, shop.url(path), by="Ann")
    return shop_watch
