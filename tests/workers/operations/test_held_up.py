"""Damage in what every search needs: it is mended, or the work waits until it is, and nothing is given up."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from exhibit.machine import tell_once
from indexer.picture.descriptor import BUILT_IN, Descriptor
from registry.db import steps
from registry.models import Case, Picture, UploadFile, WorkPicture
from tests.assets.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.matching.index_upkeep import check_indexes, mend_indexes, rebuild_indexes
from workers.operations.backlog import held_up
from workers.pictures.previews import kept_preview
from workers.services.indexes import MADE_AGAIN
from workers.services.wiring import Services
from workers.steps.matching.match import match_pictures
from workers.steps.matching.register import import_uploads
from workers.steps.matching.search import search_pictures
from workers.tasks.sync_runner import SyncRunner
from workers.works import uploads

WORKS = 3


@pytest.fixture
def waiting(inline: SyncRunner) -> list[int]:
    """Pictures that wait to be matched with works."""
    studio = owner("studio")
    for seed in range(WORKS):
        register(inline.services, studio, photograph(seed))
    return bring(inline.services, *claimed_slice(studio), [copy_of(photograph(seed)) for seed in range(WORKS)])


def damage(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.write_bytes(path.read_bytes()[:40])


def matched_again_and_again(services: Services, waiting: list[int]) -> None:
    """Match more often than a picture is tried."""
    for _ in range(steps.MAX_ATTEMPTS + 2):
        Picture.objects.update(not_before=None)
        match_pictures(services, waiting)


@pytest.mark.parametrize("pattern", ["works-*/manifest.json", "works-phash256-*/*.faiss", "works-rootsift-*/*.faiss"])
def test_a_damaged_index_is_made_again_and_holds_nothing_up(
    inline: SyncRunner, waiting: list[int], pattern: str
) -> None:
    list(rebuild_indexes(inline.services))
    damage(inline.services.config.data_dir / "indexes", pattern)
    match_pictures(Services(inline.services.config), waiting)
    assert (Case.objects.count(), held_up()) == (WORKS, {})
    assert set(Picture.objects.filter(pk__in=waiting).values_list("state", flat=True)) == {"done"}
    assert not [problem for one in check_indexes(inline.services) for problem in one.problems]


def test_works_that_search_what_was_seen_find_it_when_its_index_was_damaged(
    inline: SyncRunner, waiting: list[int]
) -> None:
    match_pictures(inline.services, waiting)
    list(rebuild_indexes(inline.services))
    damage(inline.services.config.data_dir / "indexes", "pictures-*/*.faiss")
    works = list(WorkPicture.objects.values_list("pk", flat=True))
    search_pictures(Services(inline.services.config), works)
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"done"}
    assert held_up() == {}


def test_a_large_index_is_made_again_by_the_task_that_has_the_time_and_holds_up_what_needs_it(
    inline: SyncRunner, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.services.indexes.MADE_AT_ONCE", 0)
    list(rebuild_indexes(inline.services))
    damage(inline.services.config.data_dir / "indexes", "works-phash256-*/*.faiss")
    services = Services(inline.services.config)
    matched_again_and_again(services, waiting)
    upload = uploads.begin(owner("agency"), uploads.Declaration(), by="ann", table=None, announced=1)
    uploads.receive(services, upload, [uploads.Sent("a.jpg", len(photograph(70)), lambda: photograph(70))])
    files = list(UploadFile.objects.values_list("pk", flat=True))
    for _ in range(steps.MAX_ATTEMPTS + 2):
        UploadFile.objects.update(not_before=None)
        import_uploads(services, files)
    assert held_up() == {"match": MADE_AGAIN, "register": MADE_AGAIN}
    mend_indexes(services)
    Picture.objects.update(not_before=None)
    UploadFile.objects.update(not_before=None)
    match_pictures(services, waiting)
    import_uploads(services, files)
    assert (Case.objects.count(), held_up()) == (WORKS, {})
    assert UploadFile.objects.get().outcome == "registered"


def test_a_damaged_network_is_no_pictures_fault(
    inline: SyncRunner, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Descriptor(BUILT_IN.card, BUILT_IN.space, lambda: b"no network")
    monkeypatch.setattr("workers.services.descriptors.BUILT_IN", broken)
    services = Services(inline.services.config)
    matched_again_and_again(services, waiting)
    search_pictures(services, list(WorkPicture.objects.values_list("pk", flat=True)))
    assert set(Picture.objects.filter(pk__in=waiting).values_list("state", flat=True)) == {"todo"}
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"todo"}
    assert all("can't be opened" in sentence for sentence in held_up().values())
    assert set(held_up()) == {"match", "search"}


def test_a_disk_without_room_for_an_index_holds_nothing_up(
    inline: SyncRunner, waiting: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("workers.services.indexes.MAX_TAIL", 1)
    monkeypatch.setattr("workers.services.indexes.VOTES_LONGEST_TAIL", 1)
    tell_once.cache_clear()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("exhibit.files.durable.os.fsync", full)
        match_pictures(Services(inline.services.config), waiting)  # with what lies in memory
    assert (Case.objects.count(), held_up()) == (WORKS, {})
    assert len([one for one in caplog.messages if "No space left" in one]) == 1


def test_without_room_for_caches_work_goes_on_and_it_is_said_once(
    inline: SyncRunner, waiting: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("exhibit.machine.CACHE_RESERVE", 2**62)
    tell_once.cache_clear()
    for folder in ("features", "previews"):
        shutil.rmtree(inline.services.config.data_dir / folder, ignore_errors=True)
    services = Services(inline.services.config)
    match_pictures(services, waiting)
    assert (Case.objects.count(), held_up()) == (WORKS, {})
    for picture in Picture.objects.filter(pk__in=waiting):
        assert kept_preview(services, picture.digest)
    assert not [
        path for folder in ("features", "previews") for path in (services.config.data_dir / folder).rglob("*.*")
    ]
    assert len([one for one in caplog.messages if "without the cache" in one]) == 2
