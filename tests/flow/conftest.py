"""What tests of several rooms share."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exhibit.config import Config
from registry import fingerprints
from tests.assets.bundles import Scene, make_scene
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
