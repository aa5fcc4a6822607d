"""Indexes that are damaged or find no room: they are made again, and nothing is held up for good."""

import errno
import os

import pytest

from exhibit.machine import tell_once
from registry.models import Case, Picture, WorkPicture
from tests.assets.damaged import WORKS, damage, inline, stage, waiting, works_and_pictures
from workers.matching.index_upkeep import check_indexes, rebuild_indexes
from workers.operations.backlog import held_up
from workers.services.wiring import Services
from workers.steps.matching.match import match_pictures
from workers.steps.matching.search import search_pictures
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "waiting", "works_and_pictures"]


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
