"""Test that stored bytes are read again regularly, so that changes are detected."""

import pytest

from exhibit.files.blobs import blob_store
from tests.workers.tasks.test_tick import no_file_may_grow
from workers.operations.checks import DAMAGED, damaged
from workers.operations.cleanup import look_for_damage
from workers.tasks.sync_runner import SyncRunner


def test_a_list_of_changed_bytes_outlives_a_full_disk(inline: SyncRunner) -> None:
    config = inline.services.config
    digest = inline.services.blobs.put(b"bytes")
    path = blob_store(config.data_dir).path(digest)
    path.chmod(0o600)
    path.write_bytes(b"other")
    (config.data_dir / DAMAGED).write_text(f"{digest.hex}\n", encoding="ascii")
    with no_file_may_grow(), pytest.raises(OSError, match="large"):
        look_for_damage(inline.services)
    assert damaged(config) == [digest]
    look_for_damage(inline.services)
    assert damaged(config) == [digest]


def test_all_bytes_are_read_again_whenever_the_worker_runs(inline: SyncRunner) -> None:
    blobs = blob_store(inline.services.config.data_dir)
    changed = sorted(blobs.put(data) for data in (b"one", b"two"))
    for digest in changed:
        blobs.path(digest).chmod(0o600)
        blobs.path(digest).write_bytes(b"other")
    for _ in range(256):  # within one hour
        look_for_damage(inline.services)
    assert sorted(damaged(inline.services.config)) == changed
