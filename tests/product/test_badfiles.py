"""Test that broken, hostile and unusual files never crash registration or matching, and get a reason if refused."""

import time
from collections.abc import Iterable

import pytest

from exhibit.errors import RefusedError
from registry.matches.match import match_pictures
from registry.models import Picture, Work
from tests.assets.badfiles import BAD_FILES
from tests.assets.processes import peak_memory, reset_peak_memory
from tests.assets.rows import claim_new_slice, owner, record_sightings, register
from tests.assets.shared_pictures import shared_data
from workers.tasks.sync_runner import SyncRunner

SECONDS, MEBIBYTES = 10.0, 1024


def register_and_match(inline: SyncRunner, files: Iterable[tuple[str, bytes]]) -> None:
    """Register each file, and match it like a sighting of a crawl."""
    studio = owner("studio")
    planned, epoch = claim_new_slice(studio)
    resident = reset_peak_memory()
    for name, data in files:
        started = time.monotonic()
        reason = ""
        try:
            register(inline.services, studio, data, name)
        except RefusedError as refused:
            reason = refused.reason
        if data:
            match_pictures(inline.services, record_sightings(inline.services, planned, epoch, [data]))
            picture = Picture.objects.get(digest=inline.services.blobs.put(data))
            assert picture.state == "done", name
            assert (picture.refusal == "") == (reason in {"", "quota"}), name
        assert time.monotonic() - started < 2 * SECONDS, name
    assert peak_memory() - resident < MEBIBYTES * 2**20


@pytest.mark.long
def test_generated_bad_files_are_refused_with_reason_or_read(inline: SyncRunner) -> None:
    files = [(file.name, file.make()) for file in BAD_FILES]
    register_and_match(inline, files)
    assert 0 < Work.objects.count() < len(files)


@pytest.mark.shared_data
def test_every_bad_file_of_the_corpus_is_refused_with_reason_or_read(inline: SyncRunner) -> None:
    folder = shared_data("badfiles")
    register_and_match(
        inline,
        [
            (path.name, path.read_bytes())
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix != ".csv"
        ],
    )
    assert Work.objects.exists()
