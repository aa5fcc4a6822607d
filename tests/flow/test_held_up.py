"""Damage in what every search needs: the work waits until it is mended, and nothing is given up."""

import errno
import os
from pathlib import Path

import pytest

from exhibit.clock import now
from indexer.descriptor import BUILT_IN, Descriptor
from registry import steps
from registry.models import Case, Picture, WorkPicture
from tests.flow.rows import bring, claimed_slice, copy_of, owner, photograph, register
from workers.index_upkeep import rebuild_indexes
from workers.inline import Inline
from workers.steps.backlog import held_up
from workers.steps.match import match_pictures
from workers.steps.search import search_pictures
from workers.wiring import House

WORKS = 3


@pytest.fixture
def waiting(inline: Inline) -> list[int]:
    """Pictures that wait to be matched with works."""
    studio = owner("studio")
    for seed in range(WORKS):
        register(inline.house, studio, photograph(seed))
    return bring(inline.house, *claimed_slice(studio), [copy_of(photograph(seed)) for seed in range(WORKS)])


def damage(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        path.write_bytes(path.read_bytes()[:40])


def matched_again_and_again(house: House, waiting: list[int]) -> None:
    """Match more often than a picture is tried."""
    for _ in range(steps.MAX_ATTEMPTS + 2):
        Picture.objects.update(not_before=None)
        match_pictures(house, waiting)


@pytest.mark.parametrize("pattern", ["works-*/manifest.json", "works-phash256-*/*.faiss", "works-rootsift-*/*.faiss"])
def test_a_damaged_index_holds_up_every_picture_and_gives_up_none(
    inline: Inline, waiting: list[int], pattern: str
) -> None:
    list(rebuild_indexes(inline.house))
    damage(inline.house.config.data_dir / "indexes", pattern)
    matched_again_and_again(House(inline.house.config), waiting)
    assert set(Picture.objects.filter(pk__in=waiting).values_list("state", "attempts")) == {("todo", 0)}
    assert Picture.objects.filter(pk__in=waiting, not_before__gt=now()).count() == WORKS
    assert set(held_up()) == {"match"}
    assert "rebuild" in held_up()["match"]
    list(rebuild_indexes(inline.house))
    Picture.objects.update(not_before=None)
    match_pictures(House(inline.house.config), waiting)
    assert (Case.objects.count(), held_up()) == (WORKS, {})


def test_a_damaged_index_holds_up_works_that_search_what_was_seen(inline: Inline, waiting: list[int]) -> None:
    match_pictures(inline.house, waiting)
    list(rebuild_indexes(inline.house))
    damage(inline.house.config.data_dir / "indexes", "pictures-*/*.faiss")
    house, works = House(inline.house.config), list(WorkPicture.objects.values_list("pk", flat=True))
    for _ in range(steps.MAX_ATTEMPTS + 2):
        WorkPicture.objects.update(not_before=None)
        search_pictures(house, works)
    assert set(WorkPicture.objects.values_list("state", "attempts")) == {("todo", 0)}
    assert "rebuild" in held_up()["search"]


def test_a_damaged_network_is_no_pictures_fault(
    inline: Inline, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Descriptor(BUILT_IN.card, BUILT_IN.space, lambda: b"no network")
    monkeypatch.setattr("workers.descriptors.BUILT_IN", broken)
    house = House(inline.house.config)
    matched_again_and_again(house, waiting)
    search_pictures(house, list(WorkPicture.objects.values_list("pk", flat=True)))
    assert set(Picture.objects.filter(pk__in=waiting).values_list("state", flat=True)) == {"todo"}
    assert set(WorkPicture.objects.values_list("state", flat=True)) == {"todo"}
    assert all("can't be opened" in sentence for sentence in held_up().values())
    assert set(held_up()) == {"match", "search"}


def test_a_disk_without_room_for_an_index_is_told_and_nothing_is_lost(
    inline: Inline, waiting: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.indexes.LONGEST_TAIL", 1)
    monkeypatch.setattr("workers.indexes.VOTES_LONGEST_TAIL", 1)
    house = House(inline.house.config)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("indexer.manifest.os.fsync", full)
        for _ in ("hashes", "descriptors", "votes"):
            match_pictures(house, waiting)
            assert "No space left" in held_up()["match"]
            Picture.objects.update(not_before=None)
        match_pictures(house, waiting)  # with what lies in memory
        assert (Case.objects.count(), held_up()) == (WORKS, {})
