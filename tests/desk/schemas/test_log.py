"""Test the schemas of log entries and keys that commands print."""

from datetime import timedelta

from desk.schemas.log import Checkpoint, Entry, Key
from exhibit.clock import now
from registry.keys.keys import add_device_key
from registry.log.log import erase_openings
from registry.log.sequencer import sequence_log, sign_checkpoint
from registry.models import LogEntry
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner


def test_log_entry_includes_its_opening_until_it_is_erased(inline: SyncRunner) -> None:
    add_device_key(owner("studio"), "laptop", bytes(32), by="Ann")
    sequence_log(inline.services)
    entry = Entry.from_row(LogEntry.objects.get(sequence=0))
    assert (entry.type, entry.opening is None, len(entry.salt or "")) == ("key", False, 64)
    assert len(entry.commitment) == 64
    erase_openings([0], by="Ann", reason="asked for")
    erased = Entry.from_row(LogEntry.objects.get(sequence=0))
    assert (erased.opening, erased.salt, erased.details) == (None, None, None)
    assert erased.commitment == entry.commitment
    checkpoint = sign_checkpoint(inline.services)
    assert checkpoint is not None
    assert (Checkpoint.from_row(checkpoint).size, len(Checkpoint.from_row(checkpoint).root)) == (checkpoint.size, 64)


def test_signing_key_is_returned_with_its_holder_and_status(inline: SyncRunner) -> None:
    row = add_device_key(owner("studio"), "laptop", bytes(32), by="Ann")
    key = Key.from_row(row)
    assert (key.owner, key.use, key.holder, key.name, key.state) == (
        "studio", "device", "owner", "laptop", "in use",
    )  # fmt: skip
    assert key.public == "00" * 32
    row.revoked_at = now() - timedelta(days=1)
    assert Key.from_row(row).state == "revoked"
