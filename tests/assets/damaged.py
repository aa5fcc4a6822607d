"""Pictures that wait for works to be compared with, while what a search needs is damaged."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from exhibit.config.config import Config
from registry.db import steps
from registry.models import Picture
from tests.assets.kept_rows import begun_with, kept_rows
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.services.wiring import Services
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner

WORKS = 3


@pytest.fixture(scope="module")
def works_and_pictures(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, config: Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The data folder of an installation with works and pictures that wait, once for all tests of a module."""
    folder = tmp_path_factory.mktemp("waiting")
    with kept_rows(django_db_blocker, config, folder, _seen):
        yield folder


@pytest.fixture
def inline(works_and_pictures: Path, db: None, config: Config, tmp_path: Path) -> SyncRunner:
    return begun_with(works_and_pictures, config, tmp_path)


@pytest.fixture
def waiting(inline: SyncRunner) -> list[int]:
    """Pictures that wait to be matched with works."""
    return list(Picture.objects.filter(sightings__isnull=False).order_by("pk").values_list("pk", flat=True))


def _seen(inline: SyncRunner) -> None:
    studio = owner("studio")
    for seed in range(WORKS):
        register(inline.services, studio, photograph(seed))
    bring(inline.services, *claimed_slice(studio), [copy_of(photograph(seed)) for seed in range(WORKS)])


def damage(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.write_bytes(path.read_bytes()[:40])


def matched_again_and_again(services: Services, waiting: list[int]) -> None:
    """Match more often than a picture is tried."""
    for _ in range(steps.MAX_ATTEMPTS + 2):
        Picture.objects.update(not_before=None)
        match_pictures(services, waiting)
