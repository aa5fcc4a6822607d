"""Test that the database rejects changes, deletions and gaps in the rows of the log."""

import pytest
from django.db import Error, connection, transaction

from registry.log.sequencer import sign_checkpoint
from registry.models import (
    LogEntry,
)
from tests.registry.log.test_log import add_entries
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.parametrize("table", ["logentry", "lognode", "logsubmission", "logcheckpoint"])
@pytest.mark.parametrize("act", ["DELETE FROM registry_{}", "UPDATE registry_{} SET {} = {}"])
def test_database_rejects_update_or_delete_of_log_rows(inline: SyncRunner, table: str, act: str) -> None:
    add_entries(inline, 2)
    sign_checkpoint(inline.services)
    column = {"lognode": "hash", "logcheckpoint": "note"}.get(table, "commitment")
    with pytest.raises(Error, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act.format(table, column, column))


def test_database_rejects_gap_in_log_entries(inline: SyncRunner) -> None:
    add_entries(inline, 2)
    row = LogEntry.objects.get(sequence=1)
    with pytest.raises(Error, match="no gaps"), transaction.atomic():
        LogEntry.objects.create(sequence=3, type=row.type, time=row.time, commitment=b"x" * 32)
