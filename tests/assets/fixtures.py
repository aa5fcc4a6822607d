"""The fixtures that tests of several rooms share; ``tests/conftest.py`` names this module as a plugin."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import translation

from exhibit.config.config import Config
from registry.models import Owner
from registry.vectors import fingerprints
from tests.assets.bundles import Scene, make_scene
from tests.assets.command_line import CommandLine, forking
from tests.assets.installed import install
from tests.assets.rows import copy_of, owner, photograph, register
from tests.assets.shop import COPY, LOOPBACK, OTHER, Shop, settle, watch
from tests.assets.site import Site
from workers.configuration import load_config
from workers.servers.embedded import EmbeddedServers
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture(autouse=True)
def _no_language_stays() -> Iterator[None]:
    """A request leaves its reader's language active in this thread; what is tested next reads its own."""
    yield
    translation.deactivate()


@pytest.fixture
def inline(db: None, config: Config, tmp_path: Path) -> Iterator[SyncRunner]:
    """An installation of this test's own whose steps run in this process; its rows are gone after the test."""
    fingerprints.forget_cached_spaces()
    yield SyncRunner(replace(config, data_dir=tmp_path, retention_days=30))
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
def services(inline: SyncRunner) -> SyncRunner:
    """An installation that visits sites on this machine."""
    settle(inline, allowed_networks=(LOOPBACK,))
    return inline


@pytest.fixture
def crawled(services: SyncRunner, shop: Shop) -> Owner:
    """An owner whose work has been found in the shop."""
    studio = owner("studio")
    register(services.services, studio, photograph(1))
    watch(studio, shop.url())
    services.run_until_idle()
    return studio


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder for this module that the servers' user can reach."""
    with tempfile.TemporaryDirectory(prefix="exhibit-cli-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def cli(folder: Path) -> Iterator[CommandLine]:
    """A command line whose servers run for the whole module."""
    data = folder / "data"
    install(data)
    line = CommandLine(data, {"EXHIBIT_ALLOWED_NETWORKS": LOOPBACK, "EXHIBIT_CONTACT": "tests@example.org"})
    with EmbeddedServers(load_config({"EXHIBIT_DATA": str(data)})), forking(line) as quick:
        yield quick


@pytest.fixture(scope="module")
def studio(cli: CommandLine, folder: Path) -> str:
    """An owner with three works, one of them flat."""
    cli.run("owner", "add", "The Studio", "--contact", "rights@studio.example")
    works = folder / "works"
    (works / "below").mkdir(parents=True)
    (works / "one.jpg").write_bytes(photograph(1))
    (works / "below" / "two.jpg").write_bytes(photograph(2))
    (works / "notes.txt").write_text("no picture")
    (works / ".hidden.jpg").write_bytes(photograph(9))
    table = folder / "works.csv"
    table.write_text("file,title,author,registrations\none.jpg,The First,Ann,USCO|VA 1-234|2024-05-31\n", "utf-8")
    cli.run("work", "add", works, "--owner", "The Studio", "--csv", table)
    return "the-studio"
