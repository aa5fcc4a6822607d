"""What becomes of the rows of a task that breaks off."""

import pytest

from exhibit.clock import now
from exhibit.files.blobs import FolderBlobStore
from registry.models import Picture
from tests.registry.db.test_steps import waiting
from workers.services.wiring import services
from workers.tasks.tasks import TASKS

__all__ = ["waiting"]


@pytest.mark.django_db(transaction=True)  # Celery closes connections between tasks
def test_a_task_that_breaks_off_lets_go_of_its_rows(waiting: list[int]) -> None:
    blobs = services().blobs
    assert isinstance(blobs, FolderBlobStore)
    blobs.path(Picture.objects.get(pk=waiting[0]).digest).mkdir(parents=True)  # an error that no step expects
    result = TASKS["match"].apply((waiting,))
    assert isinstance(result.result, IsADirectoryError)
    for row in Picture.objects.all():
        assert (row.state, row.attempts, row.error) == ("todo", 1, "The step broke off: IsADirectoryError.")
        assert row.not_before is not None
        assert row.not_before > now()
