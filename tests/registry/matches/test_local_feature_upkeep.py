"""Test local votes in the product: works are added and removed during searches, and damage is repaired."""

import json
from pathlib import Path

import pytest

from indexer.picture.features import extract
from indexer.picture.spaces import LOCAL, ROOTSIFT
from indexer.votes.codec import compute_codec_digest, shipped_codec
from registry.fingerprints import indexes
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.indexes import CollectionVectors
from registry.fingerprints.ports import get_indexes
from registry.matches import local_feature_upkeep
from registry.matches.index_upkeep import rebuild_indexes, repair_indexes
from registry.models import FingerprintRow, Owner
from registry.services.services import Services
from tests.assets.collection import collage, find_titles
from tests.assets.module_scene import inline, stage
from tests.assets.rows import owner, photograph, register
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

WORKS = 6
STORED = CollectionVectors(Collection.WORKS, ROOTSIFT)


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with some works."""
    new_owner = owner("studio")
    for number in range(WORKS):
        register(stage.services, new_owner, photograph(number), f"Work {number}")


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


@pytest.mark.long
def test_works_from_before_there_were_votes_are_measured_in_the_background(inline: SyncRunner, studio: Owner) -> None:
    removed, _ = FingerprintRow.objects.filter(part=LOCAL).delete()
    assert removed >= WORKS
    services = Services(inline.services.config)
    get_indexes(services).refresh(Collection.WORKS)
    assert len(get_indexes(services).votes) == 0
    local_feature_upkeep.maintain(services)
    get_indexes(services).refresh(Collection.WORKS)
    best, *_ = get_indexes(services).votes.votes(extract(collage(4)).quick.descriptors)
    assert (len(get_indexes(services).votes), best.weight > 10) == (WORKS, True)
    assert local_feature_upkeep.measure_missing(services) == 0


def list_problems(inline: SyncRunner) -> list[str]:
    return local_feature_upkeep.get_vote_index(inline.services).check(STORED)


def test_a_work_with_fewer_local_features_than_the_database_is_found(inline: SyncRunner, studio: Owner) -> None:
    last = STORED.last_change()
    ((numbers, sets),) = STORED.batches(last)
    local_feature_upkeep.get_vote_index(inline.services).replace([(numbers, [sets[0][:0], *sets[1:]])], last)
    (problem,) = list_problems(inline)
    assert f"Number {numbers[0]} has 0" in problem
    list(rebuild_indexes(inline.services))
    assert list_problems(inline) == []


def write_other_version(folder: Path) -> None:
    """Mark an index as written by an unknown version."""
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 99}))


@pytest.mark.long
def test_an_index_of_an_unknown_version_is_rebuilt_when_works_are_searched_with_one_line_logged(
    inline: SyncRunner, studio: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    list(rebuild_indexes(inline.services))
    write_other_version(local_feature_upkeep.get_vote_index(inline.services).folder)
    assert len(list_problems(inline)) == 1
    assert find_titles(Services(inline.services.config), collage(4)) == {"Work 4"}
    assert list_problems(inline) == []
    assert len([record for record in caplog.records if record.name == indexes.LOGGER.name]) == 1


@pytest.mark.long
def test_one_that_serves_meanwhile_is_rebuilt_by_the_upkeep_and_goes_on(inline: SyncRunner, studio: Owner) -> None:
    list(rebuild_indexes(inline.services))
    serving = Services(inline.services.config)
    assert find_titles(serving, collage(4)) == {"Work 4"}
    write_other_version(local_feature_upkeep.get_vote_index(inline.services).folder)
    assert find_titles(serving, collage(4)) == {"Work 4"}
    repair_indexes(inline.services)
    assert find_titles(serving, collage(4)) == find_titles(Services(inline.services.config), collage(4)) == {"Work 4"}
    assert list_problems(inline) == []


@pytest.mark.long
def test_a_large_installation_gets_a_codec_of_its_own(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(rebuild_indexes(inline.services))
    reader = Services(inline.services.config)
    assert find_titles(reader, collage(4)) == {"Work 4"}
    monkeypatch.setattr("indexer.votes.index.MIN_FOR_A_CODEC", WORKS - 1)
    monkeypatch.setattr("indexer.votes.index.choose_list_count", lambda _: 1100)
    monkeypatch.setattr("indexer.votes.index.SAMPLES_PER_LIST", 2)
    local_feature_upkeep.maintain(inline.services)
    assert find_titles(reader, collage(4)) == {"Work 4"}
    assert get_indexes(reader).votes.codec.nlist == 1100
    assert not local_feature_upkeep.get_vote_index(inline.services).is_outgrown


def test_works_with_hardly_any_local_features_keep_the_codec_they_have(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.votes.index.MIN_FOR_A_CODEC", WORKS - 1)
    monkeypatch.setattr("indexer.votes.index.choose_list_count", lambda _: 100_000)
    list(rebuild_indexes(inline.services))
    assert compute_codec_digest(local_feature_upkeep.get_vote_index(inline.services).codec) == compute_codec_digest(
        shipped_codec()
    )
    assert not local_feature_upkeep.get_vote_index(inline.services).is_outgrown
