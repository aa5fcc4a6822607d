"""A scene that the tests of a module share: rows and files are made once, and each test finds them as they were made.

A module imports both fixtures, names them in its ``__all__``, and makes its scene in a fixture of its own, with
``scope="module", autouse=True``, out of ``stage``. In each test ``inline`` is then that installation over files of the
test's own, and what the test does to its rows is taken back. A test with real transactions belongs into another module.
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
    """An installation whose rows are gone after the module."""
    _forget()
    rows = transaction.atomic()
    rows._from_testcase = True  # type: ignore[attr-defined] # what has to be outermost may stand in it
    with django_db_blocker.unblock(), rows:
        yield SyncRunner(replace(config, data_dir=tmp_path_factory.mktemp("stage"), retention_days=30))
        transaction.set_rollback(True)
    _forget()


@pytest.fixture
def inline(stage: SyncRunner, db: None, tmp_path: Path) -> Iterator[SyncRunner]:
    """The installation with the scene in it, over files of this test's own."""
    scene = stage.services.config
    shutil.copytree(scene.data_dir, tmp_path, dirs_exist_ok=True)
    if (head := scene.data_dir / "log.head").exists():  # bound to its place on the disk: no copy of it counts
        (tmp_path / head.name).unlink()
        os.link(head, tmp_path / head.name)
    _forget()
    yield SyncRunner(replace(scene, data_dir=tmp_path))
    _forget()


def _forget() -> None:
    """What a process remembers of rows."""
    fingerprints.forget_cached_spaces()
    search_version.count_anew()
