"""Rows that all tests of a module begin with: made once, and as they were again for each test."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from django.db import transaction
from pytest_django import DjangoDbBlocker

from exhibit.config.config import Config
from registry.vectors import fingerprints
from workers.tasks.sync_runner import SyncRunner


@contextmanager
def kept_rows(
    blocker: DjangoDbBlocker, config: Config, folder: Path, make: Callable[[SyncRunner], object]
) -> Iterator[None]:
    """Rows and a data folder that are there for the length of the block.

    A test that asks for ``db`` inside it gives back what it does to the rows, as any such test does; of the folder it
    takes a copy (:func:`begun_with`). No test with transactions of its own may be among them.
    """
    with blocker.unblock(), transaction.atomic():
        fingerprints.forget_cached_spaces()
        make(SyncRunner(replace(config, data_dir=folder, retention_days=30)))
        yield
        transaction.set_rollback(True)
    fingerprints.forget_cached_spaces()


def begun_with(folder: Path, config: Config, copy: Path) -> SyncRunner:
    """An installation of one test over the kept rows."""
    subprocess.run(["cp", "--archive", f"{folder}/.", copy], check=True)
    return SyncRunner(replace(config, data_dir=copy, retention_days=30))
