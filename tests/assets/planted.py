"""A site with a planted copy of a work, and a watch that must find it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config.config import Config
from registry.crawls import canaries
from registry.fingerprints import fingerprints
from registry.models import (
    Watch,
    Work,
)
from tests.assets.rows import copy_of, owner, photograph, register
from tests.assets.shop import LOOPBACK, Shop, watch
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def inline(db: None, config: Config, tmp_path: Path) -> Iterator[SyncRunner]:
    fingerprints.forget_cached_spaces()
    yield SyncRunner(replace(config, data_dir=tmp_path, allowed_networks=(LOOPBACK,), languages=("en",), anchors=()))
    fingerprints.forget_cached_spaces()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Site(host="127.0.0.5") as site:
        made = Shop(site)
        made.image("/copy.jpg", copy_of(photograph(0)))
        made.image("/other.jpg", photograph(50))
        site.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /closed/\n", "text/plain")
        made.page("/", "/other.jpg")
        made.page("/planted", "/copy.jpg")
        made.page("/empty", "/other.jpg")
        made.page("/closed/planted", "/copy.jpg")
        yield made


@pytest.fixture
def work(inline: SyncRunner) -> Work:
    return register(inline.services, owner("studio"), photograph(0), "Hills").work


def planted(work: Work, shop: Shop, *paths: str) -> Watch:
    made = watch(work.owner, shop.url())
    for path in paths:
        canaries.plant(work, made, shop.url(path), by="Ann")
    return made
