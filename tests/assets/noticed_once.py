"""Two confirmed cases of one party, made once for all tests of a module; to be imported with all three fixtures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from exhibit.config.config import Config
from registry.models import Owner
from tests.assets.kept_rows import begun_with, kept_rows
from tests.assets.noticed import confirmed, mail_by
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture(scope="module")
def two_cases(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, config: Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("two-cases")
    with kept_rows(django_db_blocker, config, folder, confirmed):
        yield folder


@pytest.fixture
def inline(two_cases: Path, db: None, config: Config, tmp_path: Path) -> SyncRunner:
    return begun_with(two_cases, config, tmp_path)


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    mail_by(inline, "smtp://localhost")
    return Owner.objects.get(slug="studio")
