"""Test index upkeep: damaged indexes are reported and rebuilt from the rows."""

import shutil

import pytest

from indexer.picture.spaces import PHASH
from indexer.vectors.faiss_index import FaissIndex
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import get_index_folder
from registry.fingerprints.ports import get_indexes
from registry.matches import local_feature_upkeep
from registry.matches.index_upkeep import check_indexes, measure_indexes, rebuild_indexes, repair_indexes
from registry.models import Owner
from registry.services.services import Services
from tests.assets.collection import collage, find_titles
from tests.assets.machines import Machine
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

WORK_COUNT = 3


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with some works."""
    new_owner = owner("studio")
    for number in (4, 5, 6):
        register(stage.services, new_owner, photograph(number), f"Work {number}")


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


@pytest.mark.long
def test_damaged_segment_is_reported_and_rebuilt_from_rows(inline: SyncRunner, studio: Owner) -> None:
    assert {item for _, item in rebuild_indexes(inline.services)} >= {"rootsift@1"}
    (state,) = [item for item in measure_indexes(inline.services) if item.space == "rootsift@1"]
    assert (state.vectors, state.behind, state.entry_size > 0, state.problems) == (WORK_COUNT, 0, True, ())
    folder = local_feature_upkeep.get_vote_index(inline.services).folder
    (codes,) = folder.glob("*.faiss")
    codes.write_bytes(codes.read_bytes()[:5000])
    assert any(item.problems for item in check_indexes(inline.services) if item.space == "rootsift@1")
    assert find_titles(Services(inline.services.config), collage(4)) == {"Work 4"}
    assert [item.problems for item in check_indexes(inline.services) if item.space == "rootsift@1"] == [()]


@pytest.mark.long
@pytest.mark.parametrize("trigger", ["opened", "at intervals"])
def test_corrupt_index_is_rebuilt_automatically(inline: SyncRunner, studio: Owner, trigger: str) -> None:
    list(rebuild_indexes(inline.services))
    expected = find_titles(Services(inline.services.config), collage(4))
    for path in inline.services.config.data_dir.glob("indexes/*/segment-*.faiss"):
        data = bytearray(path.read_bytes())
        data[-9] ^= 1
        path.write_bytes(data)
    assert any(check.problems for check in check_indexes(inline.services))
    if trigger == "at intervals":
        repair_indexes(inline.services)
    assert find_titles(Services(inline.services.config), collage(4)) == expected == {"Work 4"}
    services = Services(inline.services.config)
    for collection in Collection:
        get_indexes(services).refresh(collection)
    assert [check.problems for check in check_indexes(inline.services)] == [()] * len(check_indexes(inline.services))


@pytest.mark.long
def test_indexes_built_on_two_machines_from_the_same_rows_are_identical(machine: Machine, studio: Owner) -> None:
    first_machine, second_machine = machine("here"), machine("there")
    assert find_titles(second_machine, collage(4)) == find_titles(first_machine, collage(4)) == {"Work 4"}
    for item in (first_machine, second_machine):
        list(rebuild_indexes(item))
    states = measure_indexes(first_machine)
    assert states == measure_indexes(second_machine) == check_indexes(second_machine)
    assert {(item.behind, item.problems, item.size >= item.vectors) for item in states} == {(0, (), True)}
    shutil.rmtree(second_machine.config.data_dir / "indexes")
    assert find_titles(second_machine, collage(5)) == find_titles(machine("a third"), collage(5)) == {"Work 5"}


@pytest.mark.long
def test_index_ahead_of_restored_rows_is_rebuilt(inline: SyncRunner, studio: Owner) -> None:
    list(rebuild_indexes(inline.services))
    folder = get_index_folder(inline.services.config, Collection.WORKS, PHASH)
    index = FaissIndex(PHASH, folder)
    index.flush(index.sequence + 1)
    assert find_titles(Services(inline.services.config), collage(4)) == {"Work 4"}
    assert not [problem for check in check_indexes(inline.services) for problem in check.problems]
    assert FaissIndex(PHASH, folder).sequence < index.sequence


@pytest.mark.long
def test_large_backlog_is_indexed_in_steps(machine: Machine, studio: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.fingerprints.indexes.PAGE_SIZE", 2)
    monkeypatch.setattr("registry.fingerprints.indexes.MAX_TAIL", 2)
    first_machine = machine("here")
    assert find_titles(first_machine, collage(4)) == {"Work 4"}
    index = FaissIndex(PHASH, get_index_folder(first_machine.config, Collection.WORKS, PHASH))
    assert 0 < len(index) <= len(get_indexes(first_machine).get_index(Collection.WORKS, PHASH)) < len(index) + 2
