"""Machines that each keep a part of the archive search it together, and find what one finds that keeps all of it."""

import pytest

from exhibit.digests import Digest
from exhibit.files.blobs import FolderBlobStore
from registry.db import steps
from registry.models import Match, SegmentSearch, WorkPicture
from tests.assets.published import Machine
from tests.assets.rows import bring, claimed_slice, copy_of, photograph
from tests.assets.shared_archive import HOSTS, WORKS, Archive, fill, results, waiting
from tests.assets.stage import inline, stage
from workers.matching.division import PATIENCE
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def works_after_pictures(stage: SyncRunner) -> None:
    fill(stage)


@pytest.fixture
def archive(inline: SyncRunner, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Archive:
    return Archive(machine, monkeypatch)


def states() -> set[str]:
    return set(WorkPicture.objects.values_list("state", flat=True))


def overdue() -> None:
    """Let shares have waited for their machine for so long that any may take them."""
    for share in SegmentSearch.objects.all():
        SegmentSearch.objects.filter(pk=share.pk).update(waits_since=share.waits_since - PATIENCE, not_before=None)


def test_machines_search_their_shares_and_find_what_one_finds_that_keeps_all(archive: Archive) -> None:
    by_one = archive.found_by_one()
    archive.search("ann")
    assert states() == {"todo"}
    assert set(SegmentSearch.objects.values_list("host", "state")) == {(name, "todo") for name in HOSTS}
    for name in HOSTS:
        archive.search_share(name)
    ann, ben = (archive.fetched(name) for name in HOSTS)
    assert (len(ann | ben), ann & ben) == (len(archive.sizes), set())
    assert ann
    assert ben
    archive.search("ben")
    assert (states(), SegmentSearch.objects.count()) == ({"done"}, 0)
    assert archive.fetched("ben") == ben
    assert Match.objects.filter(decision="certain").count() == WORKS
    assert results() == by_one


def test_what_a_machine_had_begun_that_died_another_does_and_all_is_found_once(archive: Archive) -> None:
    by_one = archive.found_by_one()
    archive.search("ann")

    class Dying(FolderBlobStore):
        def get(self, digest: Digest) -> bytes:
            raise KeyboardInterrupt(digest)

    ben = archive.services["ben"]
    ben.blobs = Dying(ben.config.data_dir / "blobs")
    with pytest.raises(KeyboardInterrupt):
        archive.search_share("ben")
    overdue()
    archive.search_share("ann")
    assert set(SegmentSearch.objects.values_list("host", "state")) == {("ann", "done"), ("ben", "doing")}
    with archive.on("ann"):
        assert steps.release_ended([SegmentSearch], lambda: {"ben"}) == WORKS
    archive.search_share("ann")
    archive.search("ann")
    assert (states(), SegmentSearch.objects.count()) == ({"done"}, 0)
    assert (results(), set(by_one.values())) == (by_one, {1})


def test_a_share_is_left_to_its_machine_for_some_time_and_then_anybody_s(archive: Archive) -> None:
    archive.search("ann")
    archive.search_share("ann")
    assert set(SegmentSearch.objects.filter(host="ben").values_list("state", flat=True)) == {"todo"}
    assert not SegmentSearch.objects.filter(host="ben", not_before=None).exists()
    overdue()
    archive.search_share("ann")
    assert set(SegmentSearch.objects.values_list("state", flat=True)) == {"done"}
    assert WorkPicture.objects.filter(not_before=None).count() == WORKS


def test_a_share_that_takes_long_lets_others_go_first_and_goes_on_where_it_was(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_one = archive.found_by_one()
    monkeypatch.setattr("workers.steps.matching.segments.SECONDS", -1.0)
    archive.search("ann")
    left = [{len(share.left) for share in SegmentSearch.objects.filter(host="ann")}]
    while left[-1] != {0}:
        archive.search_share("ann")
        left.append({len(share.left) for share in SegmentSearch.objects.filter(host="ann")})
    (most,) = left[0]
    assert left == [{count} for count in range(most, -1, -1)]
    while waiting(SegmentSearch):
        archive.search_share("ben")
    archive.search("ann")
    assert results() == by_one


def test_what_is_written_or_replaced_meanwhile_is_searched_too(archive: Archive, inline: SyncRunner) -> None:
    archive.search("ann")
    archive.search_share("ann")
    studio = WorkPicture.objects.all()[0].work.owner
    late = copy_of(copy_of(photograph(0)))
    match_pictures(inline.services, bring(inline.services, *claimed_slice(studio, "late"), [late]))
    archive.services["ben"].blobs.put(late)
    archive.write()
    by_one = archive.found_by_one()
    archive.search_share("ben")
    archive.search("ann")
    assert (states(), len(waiting(SegmentSearch))) == ({"todo"}, 2 * WORKS)
    for name in HOSTS:
        archive.search_share(name)
    archive.search("ben")
    assert (states(), Match.objects.filter(decision="certain").count()) == ({"done"}, WORKS + 1)
    assert results() == by_one
