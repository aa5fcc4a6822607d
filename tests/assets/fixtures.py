"""Fixtures shared by the tests of several packages; ``tests/conftest.py`` loads this module as a plugin."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from django.utils import translation
from numpy.typing import NDArray

from desk.cli.common.context import CommandContext
from desk.cli.main import exhibit
from exhibit.config.config import Config
from indexer.picture import features
from indexer.picture.descriptor import BUILT_IN
from indexer.picture.local_features import compute_local_features
from registry.configuration import load_config
from registry.fingerprints import fingerprints
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import Bundle, Owner
from tests.assets import crawling, milvus_server as milvus_package
from tests.assets.bundles import Scene, make_scene
from tests.assets.command_line import Terminal
from tests.assets.machines import Machine, machine_factory
from tests.assets.rows import owner, photograph, recompress, register
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.shop import COPY, LOOPBACK, OTHER, Shop, change_settings, create_watch
from tests.assets.site import Site
from tests.assets.swift_server import S3, serving
from workers import wiring
from workers.servers.embedded import lock_folder
from workers.tasks.sync_runner import SyncRunner

Result = TypeVar("Result")


@pytest.fixture(autouse=True)
def _deactivate_language() -> Iterator[None]:
    """Deactivate the language that a request left active in this thread. The next test starts with the default."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def _skip_fsync() -> Iterator[None]:
    """Skip ``fsync`` in this process: test data need not survive a power cut.

    Processes that it starts are not affected.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _fork_crawls() -> Iterator[None]:
    """Fork the crawls that this process starts, to save their imports.

    The product's own processes start theirs as usual.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("registry.crawls.crawler_process.subprocess", crawling.forked_subprocess)
        yield


@pytest.fixture(scope="session", autouse=True)
def _cache_features() -> Iterator[None]:
    """Cache features by the pixels and all other arguments, since tests use the same few images repeatedly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BUILT_IN, "_raw", _cache_by_pixels(BUILT_IN._raw))
        patch.setattr(features, "compute_local_features", _cache_by_pixels(compute_local_features))
        yield


MAX_CACHED_PICTURES = 200
"""Maximum number of cached images; the features of one take up to a megabyte."""


def _cache_by_pixels(measure: Callable[..., Result]) -> Callable[..., Result]:
    cached: dict[object, Result] = {}

    def measure_cached(pixels: NDArray[np.uint8], *arguments: object) -> Result:
        key = pixels.shape, sha256(pixels.tobytes()).digest(), arguments
        if key not in cached:
            if len(cached) == MAX_CACHED_PICTURES:
                cached.clear()
            cached[key] = measure(pixels, *arguments)
        return cached[key]

    return measure_cached


@pytest.fixture
def inline(db: None, config: Config, tmp_path: Path) -> Iterator[SyncRunner]:
    """An installation of this test's own whose jobs run in this process. Its rows are rolled back after the test."""
    fingerprints.clear_cached_spaces()
    yield SyncRunner(replace(config, data_dir=tmp_path, retention_days=30))
    fingerprints.clear_cached_spaces()


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A sealed case with its own log, keys and timestamp services, shared by the session. Tests must not change it."""
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="session")
def bundle(scene: Scene) -> Path:
    """The bundle of the shared scene."""
    return scene.write(scene.folder / "bundle.zip")


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server with an S3 interface."""
    with serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[milvus_package.Server]:
    """A Milvus server; the test is skipped if none is installed."""
    if lack := milvus_package.missing_reason():
        pytest.skip(lack)
    with milvus_package.run_server(tmp_path_factory.mktemp("milvus")) as server:
        yield server


@pytest.fixture
def machine(inline: SyncRunner, s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Machines of the test's installation that share no folder, by name."""
    return machine_factory(inline.services, s3, tmp_path_factory.mktemp("machines"))


@pytest.fixture
def shop() -> Iterator[Shop]:
    """A shop: a page with a copy of the first work and an unrelated image."""
    with Site(host="127.0.0.7") as site:
        shop_site = Shop(site)
        shop_site.image(COPY, recompress(photograph(1)))
        shop_site.image(OTHER, photograph(50))
        shop_site.page("/", COPY, OTHER)
        yield shop_site


@pytest.fixture
def services(inline: SyncRunner) -> SyncRunner:
    """An installation that may crawl sites on this machine."""
    change_settings(inline, allowed_networks=(LOOPBACK,))
    return inline


@pytest.fixture
def crawled(services: SyncRunner, shop: Shop) -> Owner:
    """An owner whose work has been found in the shop."""
    studio = owner("studio")
    register(services.services, studio, photograph(1))
    create_watch(studio, shop.url())
    services.run_until_idle()
    return studio


@pytest.fixture
def cli(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The command line of this test's own installation, without running workers."""
    change_settings(inline, database_url="", redis_url="", allowed_networks=(LOOPBACK,), contact="tests@example.org")
    lock_folder(inline.services.config)
    desk = CommandContext(inline.services.config)
    desk.__dict__["services"] = inline.services
    monkeypatch.setattr(wiring, "services", lambda: inline.services)
    for name, value in (("EXHIBIT_DATA", str(desk.config.data_dir)), ("DATABASE_URL", ""), ("REDIS_URL", "")):
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(exhibit.context_settings, "obj", desk)
    return Terminal(desk)


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The command line for commands that need no data folder.

    The folder does not exist, and would be created if used.
    """
    for name, value in (("EXHIBIT_DATA", str(tmp_path / "nowhere")), ("DATABASE_URL", ""), ("REDIS_URL", "")):
        monkeypatch.setenv(name, value)
    return Terminal(CommandContext(load_config()))


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the installation's, for input and output files of commands."""
    return tmp_path_factory.mktemp("given")


@pytest.fixture
def studio(cli: Terminal) -> str:
    """The short name of an owner."""
    cli.run("owner", "add", "The Studio", "--contact", "rights@studio.example")
    return "the-studio"


@pytest.fixture
def sealed_case(cli: Terminal, inline: SyncRunner) -> Bundle:
    """The sealed bundle of case 1 of the owner "studio", in the same installation as ``cli``."""
    change_settings(inline, languages=("en",))
    bundle = create_sealed_bundle(inline)
    sequence_log(inline.services)
    sign_checkpoint(inline.services)
    return bundle
