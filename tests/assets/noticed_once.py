"""The owner with two confirmed cases of one party, made once for the tests of a module: ``noticed.studio`` on a stage.

A module imports all four and names them in its ``__all__``.
"""

import pytest

from registry.models import Owner
from tests.assets.noticed import confirmed, mail_by
from tests.assets.stage import inline, stage
from workers.tasks.sync_runner import SyncRunner

__all__ = ["confirmed_cases", "inline", "stage", "studio"]


@pytest.fixture(scope="module", autouse=True)
def confirmed_cases(stage: SyncRunner) -> None:
    """Its rows."""
    mail_by(stage, "smtp://localhost")
    confirmed(stage)


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    """The owner."""
    return Owner.objects.get(slug="studio")
