"""Test that indexes are rebuilt after damage or a full disk, and block nothing permanently."""

import errno
import os
from itertools import product

import pytest

from exhibit.machine import log_once
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_indexes
from registry.matches.index_upkeep import check_indexes, rebuild_indexes
from registry.matches.match import match_pictures
from registry.matches.search_past import search_pictures
from registry.models import Case, Owner, Picture, WorkPicture
from registry.services.services import Services
from tests.assets.damaged_search import WORKS, inline, stage, truncate_files, waiting_pictures, works_and_pictures
from tests.assets.machines import Machine
from tests.assets.rows import claim_new_slice, photograph, recompress, record_sightings, register
from workers.operations.backlog import find_held_up_reasons
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "waiting_pictures", "works_and_pictures"]


@pytest.mark.long
@pytest.mark.parametrize(
    "pattern",
    ["works-*/manifest.json", "works-phash256-*/*.faiss", "works-rootsift-*/*.lists"],
)
def test_damaged_index_is_rebuilt_without_blocking(
    inline: SyncRunner, waiting_pictures: list[int], pattern: str
) -> None:
    list(rebuild_indexes(inline.services))
    truncate_files(inline.services.config.data_dir / "indexes", pattern)
    match_pictures(Services(inline.services.config), waiting_pictures)
    assert (Case.objects.count(), find_held_up_reasons()) == (WORKS, {})
    assert set(Picture.objects.filter(pk__in=waiting_pictures).values_list("state", flat=True)) == {"done"}
    assert not [problem for check in check_indexes(inline.services) for problem in check.problems]


@pytest.mark.long
def test_works_match_past_pictures_despite_a_damaged_index(inline: SyncRunner, waiting_pictures: list[int]) -> None:
    match_pictures(inline.services, waiting_pictures)
    list(rebuild_indexes(inline.services))
    truncate_files(inline.services.config.data_dir / "indexes", "pictures-*/*.faiss")
    works = list(WorkPicture.objects.values_list("pk", flat=True))
    search_pictures(Services(inline.services.config), works)
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"done"}
    assert find_held_up_reasons() == {}


@pytest.mark.long
def test_full_disk_does_not_block_matching(
    inline: SyncRunner, waiting_pictures: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("registry.fingerprints.indexes.MAX_TAIL", 1)
    monkeypatch.setattr("registry.fingerprints.indexes.VOTES_MAX_TAIL", 1)
    log_once.cache_clear()

    def fail_disk_full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("exhibit.files.durable.os.fsync", fail_disk_full)
        match_pictures(Services(inline.services.config), waiting_pictures)  # the index stays in memory
    assert (Case.objects.count(), find_held_up_reasons()) == (WORKS, {})
    assert len([message for message in caplog.messages if "No space left" in message]) == 1


@pytest.mark.long
def test_work_and_picture_on_two_machines_match_in_any_order(machine: Machine, waiting_pictures: list[int]) -> None:
    first_machine, second_machine = machine("here"), machine("there")
    for runner, collection in product((first_machine, second_machine), Collection):
        get_indexes(runner).refresh(collection)
    studio = Owner.objects.get()
    register(second_machine, studio, photograph(40), "A later one")
    copies = [recompress(photograph(number)) for number in (40, 41)]
    picture_ids = record_sightings(first_machine, *claim_new_slice(studio, "later"), copies, host="later.example")
    match_pictures(first_machine, [*waiting_pictures, *picture_ids])
    assert Case.objects.count() == WORKS + 1
    register(second_machine, studio, photograph(41), "The last one")
    search_pictures(second_machine, list(WorkPicture.objects.filter(state="queued").values_list("pk", flat=True)))
    assert Case.objects.count() == WORKS + 2
