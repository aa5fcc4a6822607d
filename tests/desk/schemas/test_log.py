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


def test_an_entry_is_told_with_its_opening_until_that_is_erased(inline: SyncRunner) -> None:
    add_device_key(owner("studio"), "laptop", bytes(32), by="Ann")
    sequence_log(inline.services)
    told = Entry.from_row(LogEntry.objects.get(sequence=0))
    assert (told.type, told.opening is None, len(told.salt or "")) == ("key", False, 64)
    assert len(told.commitment) == 64
    erase_openings([0], by="Ann", reason="asked for")
    erased = Entry.from_row(LogEntry.objects.get(sequence=0))
    assert (erased.opening, erased.salt, erased.details) == (None, None, None)
    assert erased.commitment == told.commitment
    head = sign_checkpoint(inline.services)
    assert head is not None
    assert (Checkpoint.from_row(head).size, len(Checkpoint.from_row(head).root)) == (head.size, 64)


def test_a_key_says_who_holds_it_and_whether_it_is_in_use(inline: SyncRunner) -> None:
    row = add_device_key(owner("studio"), "laptop", bytes(32), by="Ann")
    told = Key.from_row(row)
    assert (told.owner, told.use, told.holder, told.name, told.state) == (
        "studio", "device", "owner", "laptop", "in use",
    )  # fmt: skip
    assert told.public == "00" * 32
    row.revoked_at = now() - timedelta(days=1)
    assert Key.from_row(row).state == "revoked"
