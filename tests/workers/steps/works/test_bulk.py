"""The step of bulk edits: portion by portion, going on where it was put off."""

import pytest

from registry.accounts import scoped
from registry.models import BulkEdit, WorkChange
from tests.assets.rows import owner, photograph, register
from workers.steps.works import bulk as step
from workers.tasks.sync_runner import SyncRunner
from workers.works import bulk


def test_one_that_takes_long_goes_on_in_another_message_and_changes_nothing_twice(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = owner("studio")
    for number in range(5):
        register(inline.services, studio, photograph(number))
    monkeypatch.setattr(bulk, "PORTION", 2)
    monkeypatch.setattr(step, "WORK_SECONDS", 0.0)
    made = bulk.edit_many(inline.services, studio, scoped.works(studio), "author", "Ann", by="Ann")
    step.edit_works(inline.services, [made.pk])
    row = BulkEdit.objects.get()
    assert (row.state, row.looked_at, row.changed) == ("todo", 2, 2)
    for _ in range(4):
        step.edit_works(inline.services, [made.pk])
    row.refresh_from_db()
    assert (row.state, row.looked_at, row.changed) == ("done", 5, 5)
    assert WorkChange.objects.filter(bulk=row).count() == 5
