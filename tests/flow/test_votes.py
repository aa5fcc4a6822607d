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
from tests.flow.rows import bring, claimed_slice, copy_of, jpeg, owner, photograph, register
from workers.evidence.facts import gather
from workers.matching import search_version as searches
from workers.matching import votes_upkeep
from workers.matching.index_upkeep import check_indexes, index_states, mend_indexes, rebuild_indexes
from workers.matching.registered_works import RegisteredWorks
from workers.services.indexes import sets_of
from workers.services.wiring import House
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import Inline
from workers.works.registration import remove_work

WORKS = 15


def sheet(*seeds: int) -> bytes:
    """Pieces of photographs, mirrored, in a large picture that shows something else."""
    sheet = textured(900, (1000, 700))
    for place, seed in enumerate(seeds):
        piece = Image.open(io.BytesIO(photograph(seed))).crop((20, 10, 300, 230))
        sheet.paste(piece.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (60 + 440 * place, 240))
    return jpeg(sheet)


def found_in(house: House, data: bytes) -> set[str]:
    """Titles of the works that a picture shows."""
    house.indexes.refresh(Collection.WORKS)
    compared = find_works(extract(data), lambda: data, RegisteredWorks(house))
    shown = [picture for picture, one in compared if one.decision is not Decision.NONE]
    return set(Work.objects.filter(pictures__in=shown, removed_at=None).values_list("title", flat=True))


@pytest.fixture
def studio(inline: Inline) -> Owner:
    studio = owner("studio")
    for number in range(WORKS):
        register(inline.house, studio, photograph(number), f"Work {number}")
    return studio


def test_every_work_of_which_a_picture_shows_a_piece_is_found(inline: Inline, studio: Owner) -> None:
    assert found_in(inline.house, sheet(4, 9)) == {"Work 4", "Work 9"}


def test_a_work_that_is_added_is_found_at_once_by_another_process(inline: Inline, studio: Owner) -> None:
    other, asked = House(inline.house.config), sheet(77)
    assert found_in(other, asked) == set()
    started = time.monotonic()
    work = register(inline.house, studio, photograph(77), "New").work
    assert found_in(other, asked) == {"New"}
    assert time.monotonic() - started < 5
    remove_work(work, by="Ann")
    assert found_in(other, asked) == set()


def test_works_from_before_there_were_votes_are_measured_in_the_background(inline: Inline, studio: Owner) -> None:
    removed, _ = FingerprintRow.objects.filter(part=LOCAL).delete()
    assert removed >= WORKS
    house = House(inline.house.config)
    house.indexes.refresh(Collection.WORKS)
    assert len(house.indexes.votes) == 0
    votes_upkeep.keep_up(house)
    house.indexes.refresh(Collection.WORKS)
    best, *_ = house.indexes.votes.votes(extract(sheet(4)).quick.descriptors)
    assert (len(house.indexes.votes), best.voters > 20) == (WORKS, True)
    assert votes_upkeep.measure_missing(house) == 0


def test_a_damaged_segment_is_told_and_made_again_from_the_rows(inline: Inline, studio: Owner) -> None:
    assert {one for _, one in rebuild_indexes(inline.house)} >= {"rootsift@1"}
    (state,) = [one for one in index_states(inline.house) if one.space == "rootsift@1"]
    assert (state.vectors, state.behind, state.entry_size > 0, state.problems) == (WORKS, 0, True, ())
    folder = votes_upkeep.votes_folder(inline.house)
    (codes,) = folder.glob("*.faiss")
    codes.write_bytes(codes.read_bytes()[:5000])
    assert any(one.problems for one in check_indexes(inline.house) if one.space == "rootsift@1")
    assert found_in(House(inline.house.config), sheet(4)) == {"Work 4"}
    assert [one.problems for one in check_indexes(inline.house) if one.space == "rootsift@1"] == [()]


@pytest.mark.parametrize("noticed", ["opened", "at intervals"])
def test_an_index_with_a_flipped_byte_is_made_again_by_itself(inline: Inline, studio: Owner, noticed: str) -> None:
    list(rebuild_indexes(inline.house))
    wanted = found_in(House(inline.house.config), sheet(4))
    for path in inline.house.config.data_dir.glob("indexes/*/segment-*.faiss"):
        data = bytearray(path.read_bytes())
        data[-9] ^= 1
        path.write_bytes(data)
    assert any(one.problems for one in check_indexes(inline.house))
    if noticed == "at intervals":
        mend_indexes(inline.house)
    assert found_in(House(inline.house.config), sheet(4)) == wanted == {"Work 4"}
    house = House(inline.house.config)
    for collection in Collection:
        house.indexes.refresh(collection)
    assert [one.problems for one in check_indexes(inline.house)] == [()] * len(check_indexes(inline.house))


def test_a_work_with_fewer_local_features_than_its_rows_is_told(inline: Inline, studio: Owner) -> None:
    last = last_change(Collection.WORKS, ROOTSIFT)
    (rows,) = [sets_of(batch) for batch in living(Collection.WORKS, ROOTSIFT, last)]
    first, descriptors = rows[0]
    rebuild_votes(votes_upkeep.votes_folder(inline.house), [[(first, descriptors[:0]), *rows[1:]]], last)
    (told,) = votes_upkeep.problems(inline.house)
    assert told == f"Of number {first} it holds 0 local features where the rows have {len(descriptors)}."
    list(rebuild_indexes(inline.house))
    assert list(votes_upkeep.problems(inline.house)) == []


def test_a_large_installation_gets_a_codec_of_its_own(
    inline: Inline, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(rebuild_indexes(inline.house))
    reader = House(inline.house.config)
    assert found_in(reader, sheet(4)) == {"Work 4"}
    monkeypatch.setattr("workers.matching.votes_upkeep.LEAST_FOR_A_CODEC", WORKS - 1)
    monkeypatch.setattr("workers.matching.votes_upkeep.lists_for", lambda _: 1100)
    monkeypatch.setattr("workers.matching.votes_upkeep.FOR_EACH_LIST", 2)
    votes_upkeep.keep_up(inline.house)
    assert found_in(reader, sheet(4)) == {"Work 4"}
    assert reader.indexes.votes.codec.nlist == 1100
    assert not votes_upkeep.outgrown(inline.house)


def test_works_with_hardly_any_local_features_keep_the_codec_they_have(
    inline: Inline, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.matching.votes_upkeep.LEAST_FOR_A_CODEC", WORKS - 1)
    monkeypatch.setattr("workers.matching.votes_upkeep.lists_for", lambda _: 100_000)
    list(rebuild_indexes(inline.house))
    assert codec_digest(VoteIndex(votes_upkeep.votes_folder(inline.house)).codec) == codec_digest(shipped_codec())
    assert not votes_upkeep.outgrown(inline.house)


def test_a_picture_that_is_seen_again_is_not_measured_again(inline: Inline, studio: Owner) -> None:
    data = copy_of(photograph(3))
    first, second = claimed_slice(studio, "first"), claimed_slice(studio, "second")
    match_pictures(inline.house, bring(inline.house, *first, [data]))
    case = Case.objects.get()
    (waiting,) = bring(inline.house, *second, [data], host="shop.example")
    inline.house.blobs.remove(Digest.of(data))
    match_pictures(inline.house, [waiting])
    assert Picture.objects.get(pk=waiting).state == "done"
    assert case.case_sightings.count() == 2


def test_a_picture_is_searched_for_again_once_works_from_before_there_were_votes_are_measured(
    inline: Inline, studio: Owner
) -> None:
    house, data = inline.house, photograph(500)

    def again(name: str) -> list[int]:
        return bring(house, *claimed_slice(studio, name), [data])

    FingerprintRow.objects.filter(part=LOCAL).delete()
    searches.count_anew()
    match_pictures(house, again("first"))
    assert again("second") == []
    votes_upkeep.measure_missing(house)
    (waiting,) = again("third")
    match_pictures(house, [waiting])
    assert again("fourth") == []


def test_a_new_version_of_matching_measures_what_it_sees_again(inline: Inline, studio: Owner) -> None:
    data = copy_of(photograph(3))
    match_pictures(inline.house, bring(inline.house, *claimed_slice(studio, "first"), [data]))
    Picture.objects.filter(digest=Digest.of(data)).update(searched="match-0 descriptor@0")
    Match.objects.update(pipeline="match-0")
    match_pictures(inline.house, bring(inline.house, *claimed_slice(studio, "second"), [data]))
    assert Match.objects.filter(pipeline=PIPELINE, decision="certain").count() == 1
    case = Case.objects.get()
    assert [one.match.pipeline for one in case.case_sightings.all()] == [PIPELINE, PIPELINE]
    assert len(gather(inline.house, case, bundle=1, language="en", sealed=False).facts.matches) == 1
