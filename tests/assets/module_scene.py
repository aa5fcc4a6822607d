"""A scene shared by the tests of a module: rows and files are created once, and each test starts from the same state.

A module imports both fixtures, lists them in its ``__all__``, and builds its scene from ``stage`` in its own fixture
with ``scope="module", autouse=True``. In each test, ``inline`` is then that installation with a copy of its files, and
changes of its rows are rolled back. A test with real transactions belongs in another module.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from exhibit.config.config import Config
from registry.fingerprints import fingerprints
from registry.works import search_version
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module")
def stage(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    config: Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[SyncRunner]:
    """An installation whose rows are rolled back after the module."""
    _clear_caches()
    rows = transaction.atomic()
    rows._from_testcase = True  # type: ignore[attr-defined] # what has to be outermost may stand in it
    with django_db_blocker.unblock(), rows:
        yield SyncRunner(replace(config, data_dir=tmp_path_factory.mktemp("stage"), retention_days=30))
        transaction.set_rollback(True)
    _clear_caches()


@pytest.fixture
def inline(stage: SyncRunner, db: None, tmp_path: Path) -> Iterator[SyncRunner]:
    """The installation with the scene, and a copy of its files for this test."""
    scene = stage.services.config
    shutil.copytree(scene.data_dir, tmp_path, dirs_exist_ok=True)
    if (head := scene.data_dir / "log.head").exists():  # bound to its inode: a copy would be rejected
        (tmp_path / head.name).unlink()
        os.link(head, tmp_path / head.name)
    _clear_caches()
    yield SyncRunner(replace(scene, data_dir=tmp_path))
    _clear_caches()


def _clear_caches() -> None:
    """Clear the process's caches of rows."""
    fingerprints.clear_cached_spaces()
    search_version.reset_count()
