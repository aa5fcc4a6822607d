"""Test running all jobs in this process."""

from contextlib import suppress

import pytest
from django.db import OperationalError, connection

from exhibit.files.blobs import FolderBlobStore
from exhibit.sentences import Sentence
from registry.db.steps import STEP_INTERRUPTED
from registry.models import Picture
from tests.assets.rows import claim_new_slice, owner, photograph, record_sightings
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def pending_ids(inline: SyncRunner) -> list[int]:
    return record_sightings(inline.services, *claim_new_slice(owner("studio")), [photograph(seed) for seed in (1, 2)])


@pytest.mark.long
def test_runner_runs_until_condition_is_met_or_idle(inline: SyncRunner, pending_ids: list[int]) -> None:
    inline.run_until(lambda: Picture.objects.filter(state="done").exists())
    assert set(Picture.objects.values_list("state", flat=True)) == {"done"}
    Picture.objects.update(state="queued")
    inline.run_until_idle()
    assert set(Picture.objects.values_list("state", flat=True)) == {"done"}


def test_rows_of_a_failed_step_are_queued_again(inline: SyncRunner, pending_ids: list[int]) -> None:
    blobs = inline.services.blobs
    assert isinstance(blobs, FolderBlobStore)
    path = blobs.get_path(Picture.objects.get(pk=pending_ids[0]).digest)
    path.unlink()
    path.mkdir()  # an error that no step expects
    with pytest.raises(IsADirectoryError):
        inline.run_until_idle()
    broke_off = str(Sentence(STEP_INTERRUPTED, what="IsADirectoryError"))
    assert set(Picture.objects.values_list("state", "error")) == {("queued", broke_off)}


@pytest.mark.django_db(transaction=True)
def test_interrupt_with_lost_connection_raises_keyboard_interrupt(
    inline: SyncRunner, pending_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: object) -> None:
        with suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        raise KeyboardInterrupt

    monkeypatch.setattr("registry.matches.match._match", interrupt)
    with pytest.raises(KeyboardInterrupt):
        inline.run_until_idle()
    connection.close()
    assert set(Picture.objects.values_list("state", flat=True)) == {"running"}  # until the missing worker is noticed
