"""Local votes in the product: works come and go while others search, and what is damaged is made again."""

import io
import time

import pytest
from PIL import Image

from demo.pictures import textured
from exhibit.digests import Digest
from exhibit.types import Decision
from indexer.picture.features import extract
from indexer.picture.spaces import LOCAL, PIPELINE, ROOTSIFT
from indexer.search.search import find_works
from indexer.votes.codec import codec_digest, shipped_codec
from indexer.votes.index import VoteIndex, rebuild_votes
from registry.models import Case, FingerprintRow, Match, Owner, Picture, Work
from registry.vectors.fingerprints import Collection, last_change, living
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, photograph, register
from workers.evidence.facts import gather
from workers.matching import search_version, votes_upkeep
from workers.matching.index_upkeep import check_indexes, index_states, mend_indexes, rebuild_indexes
from workers.matching.registered_works import RegisteredWorks
from workers.services.indexes import sets_of
from workers.services.wiring import Services
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner
from workers.works.registration import remove_work

WORKS = 15


def sheet(*seeds: int) -> bytes:
    """Pieces of photographs, mirrored, in a large picture that shows something else."""
    sheet = textured(900, (1000, 700))
    for place, seed in enumerate(seeds):
        piece = Image.open(io.BytesIO(photograph(seed))).crop((20, 10, 300, 230))
        sheet.paste(piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (60 + 440 * place, 240))
    return jpeg(sheet)


def found_in(services: Services, data: bytes) -> set[str]:
    """Titles of the works that a picture shows."""
    services.indexes.refresh(Collection.WORKS)
    compared = find_works(extract(data), lambda: data, RegisteredWorks(services))
    shown = [picture for picture, one in compared if one.decision is not Decision.NONE]
    return set(Work.objects.filter(pictures__in=shown, removed_at=None).values_list("title", flat=True))


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    for number in range(WORKS):
        register(inline.services, studio, photograph(number), f"Work {number}")
    return studio


def test_every_work_of_which_a_picture_shows_a_piece_is_found(inline: SyncRunner, studio: Owner) -> None:
    assert found_in(inline.services, sheet(4, 9)) == {"Work 4", "Work 9"}


def test_a_work_that_is_added_is_found_at_once_by_another_process(inline: SyncRunner, studio: Owner) -> None:
    other, asked = Services(inline.services.config), sheet(77)
    assert found_in(other, asked) == set()
    started = time.monotonic()
    work = register(inline.services, studio, photograph(77), "New").work
    assert found_in(other, asked) == {"New"}
    assert time.monotonic() - started < 5
    remove_work(work, by="Ann")
    assert found_in(other, asked) == set()


def test_works_from_before_there_were_votes_are_measured_in_the_background(inline: SyncRunner, studio: Owner) -> None:
    removed, _ = FingerprintRow.objects.filter(part=LOCAL).delete()
    assert removed >= WORKS
    services = Services(inline.services.config)
    services.indexes.refresh(Collection.WORKS)
    assert len(services.indexes.votes) == 0
    votes_upkeep.keep_up(services)
    services.indexes.refresh(Collection.WORKS)
    best, *_ = services.indexes.votes.votes(extract(sheet(4)).quick.descriptors)
    assert (len(services.indexes.votes), best.voters > 20) == (WORKS, True)
    assert votes_upkeep.measure_missing(services) == 0


def test_a_damaged_segment_is_told_and_made_again_from_the_rows(inline: SyncRunner, studio: Owner) -> None:
    assert {one for _, one in rebuild_indexes(inline.services)} >= {"rootsift@1"}
    (state,) = [one for one in index_states(inline.services) if one.space == "rootsift@1"]
    assert (state.vectors, state.behind, state.entry_size > 0, state.problems) == (WORKS, 0, True, ())
    folder = votes_upkeep.votes_folder(inline.services)
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


def test_a_work_with_fewer_local_features_than_its_rows_is_told(inline: SyncRunner, studio: Owner) -> None:
    last = last_change(Collection.WORKS, ROOTSIFT)
    (rows,) = [sets_of(batch) for batch in living(Collection.WORKS, ROOTSIFT, last)]
    first, descriptors = rows[0]
    rebuild_votes(votes_upkeep.votes_folder(inline.services), [[(first, descriptors[:0]), *rows[1:]]], last)
    (told,) = votes_upkeep.problems(inline.services)
    assert told == f"Of number {first} it holds 0 local features where the rows have {len(descriptors)}."
    list(rebuild_indexes(inline.services))
    assert list(votes_upkeep.problems(inline.services)) == []


def test_a_large_installation_gets_a_codec_of_its_own(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(rebuild_indexes(inline.services))
    reader = Services(inline.services.config)
    assert found_in(reader, sheet(4)) == {"Work 4"}
    monkeypatch.setattr("workers.matching.votes_upkeep.MIN_FOR_A_CODEC", WORKS - 1)
    monkeypatch.setattr("workers.matching.votes_upkeep.lists_for", lambda _: 1100)
    monkeypatch.setattr("workers.matching.votes_upkeep.FOR_EACH_LIST", 2)
    votes_upkeep.keep_up(inline.services)
    assert found_in(reader, sheet(4)) == {"Work 4"}
    assert reader.indexes.votes.codec.nlist == 1100
    assert not votes_upkeep.outgrown(inline.services)


def test_works_with_hardly_any_local_features_keep_the_codec_they_have(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.matching.votes_upkeep.MIN_FOR_A_CODEC", WORKS - 1)
    monkeypatch.setattr("workers.matching.votes_upkeep.lists_for", lambda _: 100_000)
    list(rebuild_indexes(inline.services))
    assert codec_digest(VoteIndex(votes_upkeep.votes_folder(inline.services)).codec) == codec_digest(shipped_codec())
    assert not votes_upkeep.outgrown(inline.services)


def test_a_picture_that_is_seen_again_is_not_measured_again(inline: SyncRunner, studio: Owner) -> None:
    data = copy_of(photograph(3))
    first, second = claimed_slice(studio, "first"), claimed_slice(studio, "second")
    match_pictures(inline.services, bring(inline.services, *first, [data]))
    case = Case.objects.get()
    (waiting,) = bring(inline.services, *second, [data], host="shop.example")
    inline.services.blobs.remove(Digest.of(data))
    match_pictures(inline.services, [waiting])
    assert Picture.objects.get(pk=waiting).state == "done"
    assert case.case_sightings.count() == 2


def test_a_picture_is_searched_for_again_once_works_from_before_there_were_votes_are_measured(
    inline: SyncRunner, studio: Owner
) -> None:
    services, data = inline.services, photograph(500)

    def again(name: str) -> list[int]:
        return bring(services, *claimed_slice(studio, name), [data])

    FingerprintRow.objects.filter(part=LOCAL).delete()
    search_version.count_anew()
    match_pictures(services, again("first"))
    assert again("second") == []
    votes_upkeep.measure_missing(services)
    (waiting,) = again("third")
    match_pictures(services, [waiting])
    assert again("fourth") == []


def test_a_new_version_of_matching_measures_what_it_sees_again(inline: SyncRunner, studio: Owner) -> None:
    data = copy_of(photograph(3))
    match_pictures(inline.services, bring(inline.services, *claimed_slice(studio, "first"), [data]))
    Picture.objects.filter(digest=Digest.of(data)).update(searched="match-0 descriptor@0")
    Match.objects.update(pipeline="match-0")
    match_pictures(inline.services, bring(inline.services, *claimed_slice(studio, "second"), [data]))
    assert Match.objects.filter(pipeline=PIPELINE, decision="certain").count() == 1
    case = Case.objects.get()
    assert [one.match.pipeline for one in case.case_sightings.all()] == [PIPELINE, PIPELINE]
    assert len(gather(inline.services, case, bundle=1, language="en", sealed=False).facts.matches) == 1
