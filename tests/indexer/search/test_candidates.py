from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from exhibit.types import Space
from indexer.picture.features import Features, compute_fingerprints, extract
from indexer.picture.spaces import DESCRIPTOR, PHASH, STORED_LOCAL_FEATURES, WORK_PARTS
from indexer.search.candidates import (
    FEW_VOTED_WORKS,
    MAX_VOTE_CANDIDATES,
    MIN_PROMINENCE,
    Candidate,
    find_descriptor_candidates,
    find_hash_candidates,
    find_vote_candidates,
    interleave,
    iterate_distinct,
    select_prominent_works,
)
from indexer.vectors.faiss_index import FaissIndex
from indexer.votes.index import Vote, VoteIndex
from tests.assets.brute_force import BruteForceIndex
from tests.assets.textured import collage_with, encoded, page_with, textured

SIZE = (320, 240)
WORKS = 20


def index_of(works: list[Features], space: Space) -> BruteForceIndex:
    """Return an index whose numbers are the works' positions."""
    index = BruteForceIndex(space)
    kind = np.uint8 if space is PHASH else np.float32
    for number, work in enumerate(works):
        for fingerprint in compute_fingerprints(work.digest, work):
            if fingerprint.space == space.id and fingerprint.part in WORK_PARTS:
                index.upsert(np.array([number]), np.frombuffer(fingerprint.vector, kind)[None])
    return index


@pytest.fixture(scope="module")
def works() -> list[Features]:
    return [extract(encoded(textured(seed, SIZE))) for seed in range(WORKS)]


@pytest.fixture(scope="module")
def hashes(works: list[Features]) -> BruteForceIndex:
    return index_of(works, PHASH)


@pytest.fixture(scope="module")
def descriptors(works: list[Features]) -> BruteForceIndex:
    return index_of(works, DESCRIPTOR)


@pytest.fixture(scope="module")
def votes(works: list[Features], tmp_path_factory: pytest.TempPathFactory) -> VoteIndex:
    index = VoteIndex(Path(tmp_path_factory.mktemp("votes")))
    index.upsert(np.arange(len(works)), [work.local.descriptors[:STORED_LOCAL_FEATURES] for work in works])
    return index


def numbers(candidates: list[Candidate]) -> list[int]:
    return [candidate.number for candidate in candidates]


def test_mirrored_copy_is_found_by_its_hash(hashes: BruteForceIndex) -> None:
    mirrored = textured(7, SIZE).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    ((candidate,),) = find_hash_candidates([extract(encoded(mirrored))], hashes)
    assert candidate.number == 7
    assert candidate.distance <= 4


@pytest.mark.parametrize("listed_from", [1, 1_000_000], ids=["in lists", "as a whole"])
def test_batch_query_returns_candidates_of_each_picture(
    works: list[Features], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed_from: int
) -> None:
    monkeypatch.setattr("indexer.vectors.faiss_rows.HASH_LISTS_FROM", listed_from)
    monkeypatch.setattr("indexer.vectors.robust_bits.ROWS_PER_LIST", 3)
    upright = np.array([work.hash_variants[0] for work in works])
    stored = np.concatenate([upright ^ np.uint8(1 << bit) for bit in range(8)])
    index = FaissIndex(PHASH, tmp_path)
    index.replace([(np.arange(len(stored)), stored)], len(stored))
    pictures_shown = textured(3, SIZE), ImageOps.expand(textured(4, SIZE), 40), collage_with(textured(5, SIZE))
    pictures = [extract(encoded(picture)) for picture in pictures_shown]
    alone = [find_hash_candidates([features], index)[0] for features in pictures]
    assert find_hash_candidates(pictures, index) == alone
    assert all(alone)
    assert find_hash_candidates([], index) == []


@pytest.mark.parametrize("place", range(4))
def test_pictures_of_a_collage_are_found_by_panel_hashes(hashes: BruteForceIndex, place: int) -> None:
    collage = extract(encoded(collage_with(textured(5, SIZE), place)))
    assert numbers(*find_hash_candidates([collage], hashes))[:1] == [5]


def test_picture_on_page_is_found_by_panel_descriptor(descriptors: BruteForceIndex) -> None:
    page = extract(encoded(page_with(textured(5, SIZE))))
    assert page.panels
    assert 5 in numbers(find_descriptor_candidates(page, descriptors))


@pytest.mark.long
def test_mirrored_piece_in_other_picture_is_found_by_votes(hashes: BruteForceIndex, votes: VoteIndex) -> None:
    picture = textured(900, (800, 600))
    picture.paste(textured(5, SIZE).crop((40, 30, 280, 210)).transpose(Image.Transpose.FLIP_LEFT_RIGHT), (480, 350))
    features = extract(encoded(picture))
    assert 5 not in numbers(*find_hash_candidates([features], hashes))
    assert numbers(find_vote_candidates(features.local, votes))[0] == 5


def test_candidate_is_listed_once_within_distance_limit(descriptors: BruteForceIndex) -> None:
    candidates = find_descriptor_candidates(extract(encoded(textured(3, SIZE))), descriptors)
    assert len(set(numbers(candidates))) == len(candidates)
    assert all(candidate.distance <= 0.7 for candidate in candidates)


def test_random_votes_yield_no_candidates() -> None:
    chance = [Vote(number, 1.0) for number in range(40)]
    assert select_prominent_works(chance) == []
    heavy = [Vote(99, MIN_PROMINENCE + 0.1), *chance]
    assert numbers(select_prominent_works(heavy)) == [99]


def test_works_with_most_votes_are_compared_if_few_works_have_votes() -> None:
    few = [Vote(number, 1.0) for number in range(FEW_VOTED_WORKS)]
    assert numbers(select_prominent_works(few)) == [*range(MAX_VOTE_CANDIDATES)]


def test_candidates_from_different_sources_alternate() -> None:
    first, other = [Candidate("a@1", number, 0.0) for number in (1, 2, 3)], [Candidate("b@1", 9, 0.0)]
    assert numbers(list(interleave(first, other))) == [1, 9, 2, 3]


def test_duplicate_candidates_and_deleted_pictures_are_skipped_in_order() -> None:
    pictures = {1: "a", 2: "b", 3: "a", 5: "c"}
    candidates = [Candidate("s@1", number, 0.0) for number in (2, 1, 4, 3, 5)]
    assert list(iterate_distinct(candidates, lambda candidate: pictures.get(candidate.number))) == ["b", "a", "c"]
    assert list(iterate_distinct(candidates, lambda candidate: pictures.get(candidate.number), limit=2)) == ["b", "a"]
