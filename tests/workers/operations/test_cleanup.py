"""Test that stored bytes are re-read regularly to detect changes."""

import pytest

from exhibit.files.blobs import get_blob_store
from tests.workers.tasks.test_tick import simulate_full_disk
from workers.operations.checks import DAMAGE_LIST_NAME, read_damaged_digests
from workers.operations.cleanup import find_damage
from workers.tasks.sync_runner import SyncRunner


def test_list_of_changed_bytes_survives_a_full_disk(inline: SyncRunner) -> None:
    config = inline.services.config
    digest = inline.services.blobs.put(b"bytes")
    path = get_blob_store(config.data_dir).get_path(digest)
    path.chmod(0o600)
    path.write_bytes(b"other")
    (config.data_dir / DAMAGE_LIST_NAME).write_text(f"{digest.hex}\n", encoding="ascii")
    with simulate_full_disk(), pytest.raises(OSError, match="large"):
        find_damage(inline.services)
    assert read_damaged_digests(config) == [digest]
    find_damage(inline.services)
    assert read_damaged_digests(config) == [digest]


def test_damage_check_covers_all_bytes_within_its_cycle(inline: SyncRunner) -> None:
    blobs = get_blob_store(inline.services.config.data_dir)
    changed = sorted(blobs.put(data) for data in (b"one", b"two"))
    for digest in changed:
        blobs.get_path(digest).chmod(0o600)
        blobs.get_path(digest).write_bytes(b"other")
    for _ in range(256):  # within one hour
        find_damage(inline.services)
    assert sorted(read_damaged_digests(inline.services.config)) == changed
