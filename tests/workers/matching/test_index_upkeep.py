"""The indexes are looked after: what is damaged is told and made again from the rows."""

import shutil

import pytest

from indexer.picture.spaces import PHASH
from registry.models import Owner
from registry.vectors.fingerprints import Collection
from tests.assets.collection import found_in, sheet
from tests.assets.published import Machine, damage_stored
from tests.assets.rows import owner, photograph, register
from tests.assets.stage import inline, stage
from workers.matching import votes_upkeep
from workers.matching.index_upkeep import check_indexes, index_states, mend_indexes, rebuild_indexes
from workers.services.indexes import index_place
from workers.services.wiring import Services
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

WORKS = 3


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with some works."""
    made = owner("studio")
    for number in (4, 5, 6):
        register(stage.services, made, photograph(number), f"Work {number}")


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


def test_a_damaged_segment_is_told_and_made_again_from_the_rows(inline: SyncRunner, studio: Owner) -> None:
    assert {one for _, one in rebuild_indexes(inline.services)} >= {"rootsift@1"}
    (state,) = [one for one in index_states(inline.services) if one.space == "rootsift@1"]
    assert (state.vectors, state.behind, state.entry_size > 0, state.problems) == (WORKS, 0, True, ())
    folder = votes_upkeep.votes_place(inline.services).folder
    (codes,) = folder.glob("*.faiss")
    codes.write_bytes(codes.read_bytes()[:5000])
    assert any(one.problems for one in check_indexes(inline.services) if one.space == "rootsift@1")
    assert found_in(Services(inline.services.config), sheet(4)) == {"Work 4"}
    assert [one.problems for one in check_indexes(inline.services) if one.space == "rootsift@1"] == [()]


@pytest.mark.parametrize("noticed", ["opened", "at intervals"])
def test_an_index_with_a_flipped_byte_is_made_again_by_itself(inline: SyncRunner, studio: Owner, noticed: str) -> None:
    list(rebuild_indexes(inline.services))
    wanted = found_in(Services(inline.services.config), sheet(4))
    for path in inline.services.config.data_dir.glob("indexes/*/segment-*.faiss"):
        data = bytearray(path.read_bytes())
        data[-9] ^= 1
        path.write_bytes(data)
    assert any(one.problems for one in check_indexes(inline.services))
    if noticed == "at intervals":
        mend_indexes(inline.services)
    assert found_in(Services(inline.services.config), sheet(4)) == wanted == {"Work 4"}
    services = Services(inline.services.config)
    for collection in Collection:
        services.indexes.refresh(collection)
    assert [one.problems for one in check_indexes(inline.services)] == [()] * len(check_indexes(inline.services))


def test_machines_that_share_no_folder_find_the_same_and_say_the_same(
    machine: Machine, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.services.indexes.MAX_TAIL", 1)
    monkeypatch.setattr("workers.services.indexes.VOTES_LONGEST_TAIL", 1)
    here, there = machine("here"), machine("there")
    for collection in Collection:
        here.indexes.refresh(collection)  # which writes down what it has read from the rows
    monkeypatch.undo()
    assert found_in(there, sheet(4)) == found_in(here, sheet(4)) == {"Work 4"}
    folder = index_place(there.config, Collection.WORKS, PHASH).folder
    assert len(list(folder.glob("segment-*.faiss"))) == 1
    states = index_states(here)
    assert states == index_states(machine("a third")) == check_indexes(there)
    assert {(one.behind, one.problems, (one.size > 0) == (one.vectors > 0)) for one in states} == {(0, (), True)}
    assert not (here.config.data_dir / "indexes" / folder.name / "manifest.json").exists()
    shutil.rmtree(there.config.data_dir / "indexes")
    assert found_in(there, sheet(5)) == {"Work 5"}


def test_what_is_damaged_in_the_bucket_is_made_again_from_the_rows(machine: Machine, studio: Owner) -> None:
    list(rebuild_indexes(machine("here")))
    damage_stored(machine("here"), Collection.WORKS)
    other = machine("there")
    assert any(one.problems for one in check_indexes(other))
    mend_indexes(other)
    assert found_in(other, sheet(4)) == {"Work 4"}
    assert {one.problems for one in check_indexes(machine("a third"))} == {()}
