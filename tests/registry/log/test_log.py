"""Test that PostgreSQL keeps the log append-only, and that its proofs verify after an erasure."""

from datetime import timedelta
from typing import Any

from django.db import transaction

from evidence.log import merkle
from exhibit.entries import EntryType
from registry.log.local_log import get_log
from registry.log.log import PostgresLogStore, load_unsequenced, submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import (
    LogEntry,
    LogOpening,
    LogSubmission,
    LogWaiting,
)
from tests.assets.clocks import set_clock
from workers.tasks.sync_runner import SyncRunner

__all__ = ["set_clock"]


def add_entries(inline: SyncRunner, count: int) -> None:
    for number in range(count):
        submit_entry(EntryType.CASE, {"number": number})
    assert sequence_log(inline.services) == count


def test_submissions_are_numbered_contiguously_in_order(inline: SyncRunner) -> None:
    add_entries(inline, 5)
    add_entries(inline, 3)
    rows = LogEntry.objects.order_by("sequence")
    assert [row.sequence for row in rows] == list(range(8))
    assert [row.submission_id for row in rows] == list(
        LogSubmission.objects.order_by("pk").values_list("pk", flat=True)
    )


def test_inclusion_proof_verifies_after_opening_is_erased(inline: SyncRunner) -> None:
    add_entries(inline, 7)
    LogOpening.objects.filter(submission=LogEntry.objects.get(sequence=3).submission_id).delete()
    checkpoint = sign_checkpoint(inline.services)
    assert checkpoint is not None
    leaf = PostgresLogStore().entry(3).leaf_hash
    path = get_log(inline.services).prove_inclusion(3, 7)
    assert merkle.verify_inclusion(leaf, 3, 7, path, bytes(checkpoint.root))


def test_unchanged_checkpoint_is_not_signed_again(inline: SyncRunner) -> None:
    add_entries(inline, 4)
    assert sign_checkpoint(inline.services) == sign_checkpoint(inline.services)


def test_only_committed_submissions_are_pending_until_sequenced(inline: SyncRunner) -> None:
    add_entries(inline, 3)
    assert not LogWaiting.objects.exists()
    with transaction.atomic():
        submit_entry(EntryType.CASE, {"number": 3})
        transaction.set_rollback(True)
    assert not LogWaiting.objects.exists()
    rows = [submit_entry(EntryType.CASE, {"number": number}) for number in range(4, 6)]
    late_pks = [row.pk for row in rows if row]
    assert [pk for pk, _ in load_unsequenced(10)] == late_pks == list(LogWaiting.objects.values_list("pk", flat=True))
    assert [pk for pk, _ in load_unsequenced(1)] == late_pks[:1]
    with transaction.atomic():
        assert sequence_log(inline.services) == 2
        transaction.set_rollback(True)
    assert LogWaiting.objects.count() == 2
    assert sequence_log(inline.services) == 2
    assert not LogWaiting.objects.exists()


def test_entry_times_never_decrease(inline: SyncRunner, set_clock: Any) -> None:  # noqa: ANN401
    for minutes in (0, -30, -20, 10):
        set_clock(timedelta(minutes=minutes))
        submit_entry(EntryType.SETTING, {"minutes": minutes})
    sequence_log(inline.services)
    times = list(LogEntry.objects.order_by("sequence").values_list("time", flat=True))
    assert times == sorted(times)
