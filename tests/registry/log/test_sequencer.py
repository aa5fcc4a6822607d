"""Test that submissions are numbered in order, and a checkpoint is signed when the log has grown."""

from exhibit.entries import EntryType
from registry.bundles.timestamp_requests import is_checkpoint_due
from registry.log import sequencer
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import LogEntry
from workers.tasks.sync_runner import SyncRunner


def test_batches_are_numbered_in_submission_order(inline: SyncRunner, monkeypatch: object) -> None:
    rows = [submit_entry(EntryType.CASE, {"number": number}) for number in range(5)]
    submissions = [row.pk for row in rows if row]
    monkeypatch.setattr(sequencer, "BATCH", 2)  # type: ignore[attr-defined]
    assert [sequence_log(inline.services) for _ in range(2)] == [5, 0]
    assert list(LogEntry.objects.order_by("sequence").values_list("sequence", "submission")) == list(
        enumerate(submissions)
    )


def test_checkpoint_is_signed_once_for_each_size(inline: SyncRunner) -> None:
    assert sign_checkpoint(inline.services) is None
    assert not is_checkpoint_due(inline.services)
    submit_entry(EntryType.CASE, {"number": 1})
    sequence_log(inline.services)
    assert is_checkpoint_due(inline.services)
    first = sign_checkpoint(inline.services)
    assert first is not None
    assert sign_checkpoint(inline.services) == first
    submit_entry(EntryType.CASE, {"number": 2})
    sequence_log(inline.services)
    assert not is_checkpoint_due(inline.services)  # the checkpoint interval has not passed
    submit_entry(EntryType.SEAL, {"manifest": "00"})
    sequence_log(inline.services)
    assert is_checkpoint_due(inline.services)  # a seal makes a checkpoint due immediately
    second = sign_checkpoint(inline.services)
    assert second is not None
    assert (first.size, second.size) == (1, 3)
