"""Test that files of reports and packages are kept while a row refers to them, and purged files are inaccessible."""

import pytest

from exhibit.digests import Digest
from registry.bundles.file_removal import remove_unused_files
from registry.db.fields import StoredFile
from registry.models import Report, WithheldFile
from registry.pictures.file_removal import are_all_stored, read_unverified, remove_from_all_stores, remove_or_withhold
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def stored_file(inline: SyncRunner) -> StoredFile:
    return {
        "name": "a.csv",
        "media_type": "text/csv",
        "digest": inline.services.blobs.put(b"a table").hex,
        "size": 7,
    }


def test_bytes_are_removed_with_their_last_reference(inline: SyncRunner, stored_file: StoredFile) -> None:
    studio, digest = owner("studio"), Digest.from_bytes(b"a table")
    for number in (1, 2):
        Report.objects.create(owner=studio, number=number, files=[stored_file])
    for number, exists in ((1, True), (2, False)):
        Report.objects.filter(number=number).update(files=[])
        remove_unused_files(inline.services, [stored_file])
        assert (digest in inline.services.blobs, are_all_stored(inline.services, [stored_file])) == (exists, exists)


def test_withheld_file_is_not_served_and_can_be_removed(inline: SyncRunner, stored_file: StoredFile) -> None:
    services, digest = inline.services, Digest.from_bytes(b"a table")
    other = services.blobs.put(b"the bytes themselves")
    rows = [
        WithheldFile.objects.create(digest=item, because=Digest.from_bytes(b"x"), kept=keep)
        for item, keep in ((digest, True), (other, False))
    ]
    for _ in range(2):
        remove_or_withhold(services, rows)
    withheld_store = services.withheld
    assert [item in services.blobs for item in (digest, other)] == [False, False]
    assert [item in withheld_store for item in (digest, other)] == [True, False]
    assert [read_unverified(services, item) for item in (digest, other)] == [b"a table", b""]
    assert [remove_from_all_stores(services, digest) for _ in range(2)] == [True, False]
