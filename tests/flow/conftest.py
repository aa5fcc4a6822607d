"""What tests of several rooms share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config import Config
from registry import fingerprints
from registry.models import Owner
from tests.assets.bundles import Scene, make_scene
from tests.assets.site import Site
from tests.flow.rows import copy_of, owner, photograph, register
from tests.flow.shop import COPY, LOOPBACK, OTHER, Shop, settle, watch
from workers.inline import Inline


@pytest.fixture
def inline(db: None, config: Config, tmp_path: Path) -> Iterator[Inline]:
    """A house of this test's own whose steps run in this process; its rows are gone after the test."""
    fingerprints.forget_cached_spaces()
    yield Inline(replace(config, data_dir=tmp_path, retention_days=30))
    fingerprints.forget_cached_spaces()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A sealed case with log, keys and witnesses of its own."""
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def bundle(scene: Scene) -> Path:
    """Its bundle."""
    return scene.write(scene.folder / "bundle.zip")


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A page with a copy of the first work and a picture that has nothing to do with it."""
    with Site(host="127.0.0.7") as site:
        made = Shop(site)
        made.image(COPY, copy_of(photograph(1)))
        made.image(OTHER, photograph(50))
        made.page("/", COPY, OTHER)
        yield made


@pytest.fixture
def house(inline: Inline) -> Inline:
    """A house that visits sites on this machine."""
    settle(inline, allowed_networks=(LOOPBACK,))
    return inline


@pytest.fixture
def crawled(house: Inline, shop: Shop) -> Owner:
    """An owner whose work has been found in the shop."""
    studio = owner("studio")
    register(house.house, studio, photograph(1))
    watch(studio, shop.url())
    house.run_until_idle()
    return studio
