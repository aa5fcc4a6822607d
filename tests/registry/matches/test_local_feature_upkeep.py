"""Test the index of local features: missing features are computed, and outdated or damaged indexes are rebuilt."""

import json
from pathlib import Path

import pytest

from indexer.picture.features import extract
from indexer.picture.spaces import LOCAL, ROOTSIFT
from indexer.votes.codec import compute_codec_digest, load_shipped_codec
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

WORK_COUNT = 6
STORED_VECTORS = CollectionVectors(Collection.WORKS, ROOTSIFT)


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with some works."""
    new_owner = owner("studio")
    for number in range(WORK_COUNT):
        register(stage.services, new_owner, photograph(number), f"Work {number}")


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


@pytest.mark.long
def test_missing_local_features_are_computed_in_the_background(inline: SyncRunner, studio: Owner) -> None:
    removed, _ = FingerprintRow.objects.filter(part=LOCAL).delete()
    assert removed >= WORK_COUNT
    services = Services(inline.services.config)
    get_indexes(services).refresh(Collection.WORKS)
    assert len(get_indexes(services).votes) == 0
    local_feature_upkeep.maintain_local_features(services)
    get_indexes(services).refresh(Collection.WORKS)
    best, *_ = get_indexes(services).votes.votes(extract(collage(4)).local.descriptors)
    assert (len(get_indexes(services).votes), best.weight > 10) == (WORK_COUNT, True)
    assert local_feature_upkeep.compute_missing_features(services) == 0


def list_problems(inline: SyncRunner) -> list[str]:
    return local_feature_upkeep.get_vote_index(inline.services).check(STORED_VECTORS)


def test_work_with_missing_local_features_is_reported(inline: SyncRunner, studio: Owner) -> None:
    last = STORED_VECTORS.last_change()
    ((numbers, sets),) = STORED_VECTORS.batches(last)
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
def test_index_of_unknown_version_is_rebuilt_on_search_and_logged_once(
    inline: SyncRunner, studio: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    list(rebuild_indexes(inline.services))
    write_other_version(local_feature_upkeep.get_vote_index(inline.services).folder)
    assert len(list_problems(inline)) == 1
    assert find_titles(Services(inline.services.config), collage(4)) == {"Work 4"}
    assert list_problems(inline) == []
    assert len([record for record in caplog.records if record.name == indexes.LOGGER.name]) == 1


@pytest.mark.long
def test_index_of_unknown_version_is_rebuilt_while_it_serves(inline: SyncRunner, studio: Owner) -> None:
    list(rebuild_indexes(inline.services))
    serving = Services(inline.services.config)
    assert find_titles(serving, collage(4)) == {"Work 4"}
    write_other_version(local_feature_upkeep.get_vote_index(inline.services).folder)
    assert find_titles(serving, collage(4)) == {"Work 4"}
    repair_indexes(inline.services)
    assert find_titles(serving, collage(4)) == find_titles(Services(inline.services.config), collage(4)) == {"Work 4"}
    assert list_problems(inline) == []


@pytest.mark.long
def test_large_installation_trains_its_own_codec(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(rebuild_indexes(inline.services))
    reader = Services(inline.services.config)
    assert find_titles(reader, collage(4)) == {"Work 4"}
    monkeypatch.setattr("indexer.votes.index.MIN_FOR_A_CODEC", WORK_COUNT - 1)
    monkeypatch.setattr("indexer.votes.index.choose_list_count", lambda _: 1100)
    monkeypatch.setattr("indexer.votes.index.SAMPLES_PER_LIST", 2)
    local_feature_upkeep.maintain_local_features(inline.services)
    assert find_titles(reader, collage(4)) == {"Work 4"}
    assert get_indexes(reader).votes.codec.nlist == 1100
    assert not local_feature_upkeep.get_vote_index(inline.services).is_outgrown


def test_works_with_few_local_features_keep_the_shipped_codec(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.votes.index.MIN_FOR_A_CODEC", WORK_COUNT - 1)
    monkeypatch.setattr("indexer.votes.index.choose_list_count", lambda _: 100_000)
    list(rebuild_indexes(inline.services))
    assert compute_codec_digest(local_feature_upkeep.get_vote_index(inline.services).codec) == compute_codec_digest(
        load_shipped_codec()
    )
    assert not local_feature_upkeep.get_vote_index(inline.services).is_outgrown
