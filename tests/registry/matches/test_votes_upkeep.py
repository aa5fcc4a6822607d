"""Local votes in the product: works come and go while others search, and what is damaged is made again."""

import json
from pathlib import Path

import pytest

from indexer.picture.features import extract
from indexer.picture.spaces import LOCAL, ROOTSIFT
from indexer.votes.codec import codec_digest, shipped_codec
from indexer.votes.index import VoteIndex, check_votes, rebuild_votes
from registry.fingerprints.fingerprints import Collection, last_change, living
from registry.fingerprints.indexes import sets_of
from registry.fingerprints.ports import get_indexes
from registry.matches import votes_upkeep
from registry.matches.index_upkeep import mend_indexes, rebuild_indexes
from registry.models import FingerprintRow, Owner
from registry.services.services import Services
from tests.assets.collection import found_in, sheet
from tests.assets.rows import owner, photograph, register
from tests.assets.stage import inline, stage
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

WORKS = 6


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with some works."""
    made = owner("studio")
    for number in range(WORKS):
        register(stage.services, made, photograph(number), f"Work {number}")


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
    votes_upkeep.keep_up(services)
    get_indexes(services).refresh(Collection.WORKS)
    best, *_ = get_indexes(services).votes.votes(extract(sheet(4)).quick.descriptors)
    assert (len(get_indexes(services).votes), best.weight > 10) == (WORKS, True)
    assert votes_upkeep.measure_missing(services) == 0


def test_a_work_with_fewer_local_features_than_its_rows_is_told(inline: SyncRunner, studio: Owner) -> None:
    last = last_change(Collection.WORKS, ROOTSIFT)
    (rows,) = [sets_of(batch) for batch in living(Collection.WORKS, ROOTSIFT, last)]
    first, descriptors = rows[0]
    rebuild_votes(votes_upkeep.votes_folder(inline.services), [[(first, descriptors[:0]), *rows[1:]]], last)
    (told,) = votes_upkeep.problems(inline.services)
    assert told == f"Of number {first} it holds 0 local features where the rows have {len(descriptors)}."
    list(rebuild_indexes(inline.services))
    assert list(votes_upkeep.problems(inline.services)) == []


def as_before(folder: Path) -> None:
    """Leave segments as the former version wrote them: codes and codec in one file."""
    for header in folder.glob("segment-*.json"):
        digests = dict.fromkeys((".faiss", ".npy"), "00" * 32)
        header.write_text(json.dumps({**json.loads(header.read_text()), "format": 1, "sha256": digests}))
        header.with_suffix(".lists").unlink()


@pytest.mark.long
def test_an_index_of_the_former_version_is_made_again_when_works_are_looked_for(
    inline: SyncRunner, studio: Owner
) -> None:
    list(rebuild_indexes(inline.services))
    folder = votes_upkeep.votes_folder(inline.services)
    as_before(folder)
    (told,) = check_votes(folder)
    assert "of another version" in told
    assert found_in(Services(inline.services.config), sheet(4)) == {"Work 4"}
    assert list(votes_upkeep.problems(inline.services)) == []


@pytest.mark.long
def test_one_that_serves_meanwhile_is_made_again_by_the_upkeep_and_goes_on(inline: SyncRunner, studio: Owner) -> None:
    list(rebuild_indexes(inline.services))
    serving = Services(inline.services.config)
    assert found_in(serving, sheet(4)) == {"Work 4"}
    as_before(votes_upkeep.votes_folder(inline.services))
    assert found_in(serving, sheet(4)) == {"Work 4"}
    mend_indexes(inline.services)
    assert found_in(serving, sheet(4)) == found_in(Services(inline.services.config), sheet(4)) == {"Work 4"}
    assert list(votes_upkeep.problems(inline.services)) == []


@pytest.mark.long
def test_a_large_installation_gets_a_codec_of_its_own(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(rebuild_indexes(inline.services))
    reader = Services(inline.services.config)
    assert found_in(reader, sheet(4)) == {"Work 4"}
    monkeypatch.setattr("registry.matches.votes_upkeep.MIN_FOR_A_CODEC", WORKS - 1)
    monkeypatch.setattr("registry.matches.votes_upkeep.lists_for", lambda _: 1100)
    monkeypatch.setattr("registry.matches.votes_upkeep.FOR_EACH_LIST", 2)
    votes_upkeep.keep_up(inline.services)
    assert found_in(reader, sheet(4)) == {"Work 4"}
    assert get_indexes(reader).votes.codec.nlist == 1100
    assert not votes_upkeep.outgrown(inline.services)


def test_works_with_hardly_any_local_features_keep_the_codec_they_have(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.matches.votes_upkeep.MIN_FOR_A_CODEC", WORKS - 1)
    monkeypatch.setattr("registry.matches.votes_upkeep.lists_for", lambda _: 100_000)
    list(rebuild_indexes(inline.services))
    assert codec_digest(VoteIndex(votes_upkeep.votes_folder(inline.services)).codec) == codec_digest(shipped_codec())
    assert not votes_upkeep.outgrown(inline.services)
