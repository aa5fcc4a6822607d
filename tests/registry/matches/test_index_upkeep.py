"""Test index upkeep: damaged indexes are reported and rebuilt from the rows."""

import shutil

import pytest

from indexer.picture.spaces import PHASH
from indexer.vectors.faiss_index import FaissIndex
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import index_folder
from registry.fingerprints.ports import get_indexes
from registry.matches import votes_upkeep
from registry.matches.index_upkeep import check_indexes, index_states, mend_indexes, rebuild_indexes
from registry.models import Owner
from registry.services.services import Services
from tests.assets.collection import found_in, sheet
from tests.assets.machines import Machine
from tests.assets.rows import owner, photograph, register
from tests.assets.stage import inline, stage
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


@pytest.mark.long
def test_a_damaged_segment_is_told_and_made_again_from_the_rows(inline: SyncRunner, studio: Owner) -> None:
    assert {one for _, one in rebuild_indexes(inline.services)} >= {"rootsift@1"}
    (state,) = [one for one in index_states(inline.services) if one.space == "rootsift@1"]
    assert (state.vectors, state.behind, state.entry_size > 0, state.problems) == (WORKS, 0, True, ())
    folder = votes_upkeep.votes_of(inline.services).folder
    (codes,) = folder.glob("*.faiss")
    codes.write_bytes(codes.read_bytes()[:5000])
    assert any(one.problems for one in check_indexes(inline.services) if one.space == "rootsift@1")
    assert found_in(Services(inline.services.config), sheet(4)) == {"Work 4"}
    assert [one.problems for one in check_indexes(inline.services) if one.space == "rootsift@1"] == [()]


@pytest.mark.long
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
        get_indexes(services).refresh(collection)
    assert [one.problems for one in check_indexes(inline.services)] == [()] * len(check_indexes(inline.services))


@pytest.mark.long
def test_machines_make_their_indexes_of_the_rows_and_say_the_same(machine: Machine, studio: Owner) -> None:
    here, there = machine("here"), machine("there")
    assert found_in(there, sheet(4)) == found_in(here, sheet(4)) == {"Work 4"}
    for one in (here, there):
        list(rebuild_indexes(one))
    states = index_states(here)
    assert states == index_states(there) == check_indexes(there)
    assert {(one.behind, one.problems, one.size >= one.vectors) for one in states} == {(0, (), True)}
    shutil.rmtree(there.config.data_dir / "indexes")
    assert found_in(there, sheet(5)) == found_in(machine("a third"), sheet(5)) == {"Work 5"}


@pytest.mark.long
def test_one_that_is_ahead_of_restored_rows_is_made_again(inline: SyncRunner, studio: Owner) -> None:
    list(rebuild_indexes(inline.services))
    folder = index_folder(inline.services.config, Collection.WORKS, PHASH)
    index = FaissIndex(PHASH, folder)
    index.flush(index.sequence + 1)
    assert found_in(Services(inline.services.config), sheet(4)) == {"Work 4"}
    assert not [problem for one in check_indexes(inline.services) for problem in one.problems]
    assert FaissIndex(PHASH, folder).sequence < index.sequence


@pytest.mark.long
def test_a_machine_that_lacks_much_writes_it_down_step_by_step(
    machine: Machine, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.fingerprints.indexes.PAGE", 2)
    monkeypatch.setattr("registry.fingerprints.indexes.MAX_TAIL", 2)
    here = machine("here")
    assert found_in(here, sheet(4)) == {"Work 4"}
    written = FaissIndex(PHASH, index_folder(here.config, Collection.WORKS, PHASH))
    assert 0 < len(written) <= len(get_indexes(here).of(Collection.WORKS, PHASH)) < len(written) + 2
