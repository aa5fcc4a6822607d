"""A log with entries and signed checkpoints."""

import pytest

from exhibit.entries import EntryType
from registry.log import replay as log_replay
from registry.log.log import submit_entry
from registry.log.sequencer import sequence_log, sign_checkpoint
from workers.tasks.sync_runner import SyncRunner


def append_and_sign(inline: SyncRunner, count: int) -> None:
    """Append entries to the log and sign a checkpoint."""
    for number in range(count):
        submit_entry(EntryType.CASE, {"number": number}, details={"by": "Ann"})
    sequence_log(inline.services)
    sign_checkpoint(inline.services)


@pytest.fixture
def log_in_chunks(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> SyncRunner:
    """An installation whose log has 21 entries and two signed checkpoints, read in chunks of 8."""
    monkeypatch.setattr(log_replay, "CHUNK", 8)
    append_and_sign(inline, 3)
    append_and_sign(inline, 18)
    return inline
