"""Test that files of reports and packages are kept while a row refers to them, and purged files are inaccessible."""

import pytest

from exhibit.digests import Digest
from registry.bundles.file_removal import remove_unused
from registry.db.fields import KeptFile
from registry.models import Report, WithheldFile
from registry.pictures.file_removal import all_kept, as_they_lie, let_go, remove_everywhere
from tests.assets.rows import owner
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def kept(inline: SyncRunner) -> KeptFile:
    return {
        "name": "a.csv",
        "media_type": "text/csv",
        "digest": inline.services.blobs.put(b"a table").hex,
        "size": 7,
    }


def test_bytes_are_removed_when_the_last_row_lets_go_of_them(inline: SyncRunner, kept: KeptFile) -> None:
    studio, digest = owner("studio"), Digest.of(b"a table")
    for number in (1, 2):
        Report.objects.create(owner=studio, number=number, files=[kept])
    for number, there in ((1, True), (2, False)):
        Report.objects.filter(number=number).update(files=[])
        remove_unused(inline.services, [kept])
        assert (digest in inline.services.blobs, all_kept(inline.services, [kept])) == (there, there)


def test_what_is_set_aside_is_handed_out_no_more_and_can_still_be_removed(inline: SyncRunner, kept: KeptFile) -> None:
    services, digest = inline.services, Digest.of(b"a table")
    other = services.blobs.put(b"the bytes themselves")
    rows = [
        WithheldFile.objects.create(digest=one, because=Digest.of(b"x"), kept=keep)
        for one, keep in ((digest, True), (other, False))
    ]
    for _ in range(2):
        let_go(services, rows)
    aside = services.withheld
    assert [one in services.blobs for one in (digest, other)] == [False, False]
    assert [one in aside for one in (digest, other)] == [True, False]
    assert [as_they_lie(services, one) for one in (digest, other)] == [b"a table", b""]
    assert [remove_everywhere(services, digest) for _ in range(2)] == [True, False]
