"""Two confirmed cases of one party, created once for all tests of a module. Import all four fixtures."""

import pytest

from registry.models import Owner
from tests.assets.module_scene import inline, stage
from tests.assets.notice_drafts import create_studio, set_mail_server
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def two_cases(stage: SyncRunner) -> None:
    create_studio(stage)


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    set_mail_server(inline, "smtp://localhost")
    return Owner.objects.get(slug="studio")
