"""Test that damaged indexes and full disks lead to rebuilt indexes, and block nothing permanently."""

import errno
import os
from itertools import product

import pytest

from exhibit.machine import tell_once
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_indexes
from registry.matches.index_upkeep import check_indexes, rebuild_indexes
from registry.matches.match import match_pictures
from registry.matches.search_past import search_pictures
from registry.models import Case, Owner, Picture, WorkPicture
from registry.services.services import Services
from tests.assets.damaged import WORKS, damage, inline, stage, waiting, works_and_pictures
from tests.assets.machines import Machine
from tests.assets.rows import bring, claimed_slice, copy_of, photograph, register
from workers.operations.backlog import held_up
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "waiting", "works_and_pictures"]


@pytest.mark.long
@pytest.mark.parametrize(
    "pattern",
    ["works-*/manifest.json", "works-phash256-*/*.faiss", "works-rootsift-*/*.lists"],
)
def test_a_damaged_index_is_made_again_and_holds_nothing_up(
    inline: SyncRunner, waiting: list[int], pattern: str
) -> None:
    list(rebuild_indexes(inline.services))
    damage(inline.services.config.data_dir / "indexes", pattern)
    match_pictures(Services(inline.services.config), waiting)
    assert (Case.objects.count(), held_up()) == (WORKS, {})
    assert set(Picture.objects.filter(pk__in=waiting).values_list("state", flat=True)) == {"done"}
    assert not [problem for one in check_indexes(inline.services) for problem in one.problems]


@pytest.mark.long
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


@pytest.mark.long
def test_a_disk_without_room_for_an_index_holds_nothing_up(
    inline: SyncRunner, waiting: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("registry.fingerprints.indexes.MAX_TAIL", 1)
    monkeypatch.setattr("registry.fingerprints.indexes.VOTES_MAX_TAIL", 1)
    tell_once.cache_clear()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("exhibit.files.durable.os.fsync", full)
        match_pictures(Services(inline.services.config), waiting)  # with the index in memory
    assert (Case.objects.count(), held_up()) == (WORKS, {})
    assert len([one for one in caplog.messages if "No space left" in one]) == 1


@pytest.mark.long
def test_a_work_and_a_picture_that_come_to_two_machines_meet_whichever_is_first(
    machine: Machine, waiting: list[int]
) -> None:
    here, there = machine("here"), machine("there")
    for one, collection in product((here, there), Collection):
        get_indexes(one).refresh(collection)
    studio = Owner.objects.get()
    register(there, studio, photograph(40), "A later one")
    copies = [copy_of(photograph(number)) for number in (40, 41)]
    seen = bring(here, *claimed_slice(studio, "later"), copies, host="later.example")
    match_pictures(here, [*waiting, *seen])
    assert Case.objects.count() == WORKS + 1
    register(there, studio, photograph(41), "The last one")
    search_pictures(there, list(WorkPicture.objects.filter(state="todo").values_list("pk", flat=True)))
    assert Case.objects.count() == WORKS + 2
