import numpy as np
import pytest
from PIL import Image

from exhibit.types import Space
from indexer.brute import BruteForceIndex
from indexer.candidates import MOST, Candidate, Reach, distinct, find_candidates
from indexer.features import Features, extract, fingerprints
from indexer.spaces import DESCRIPTOR, PHASH, WORK_PARTS
from tests.assets.textured import collage_with, encoded, page_with, textured

SIZE = (320, 240)
WORKS = 20


def index_of(works: list[Features], space: Space) -> BruteForceIndex:
    """An index whose numbers are the works' places."""
    index = BruteForceIndex(space)
    kind = np.uint8 if space is PHASH else np.float32
    for number, work in enumerate(works):
        for one in fingerprints(work.digest, work):
            if one.space == space.id and one.part in WORK_PARTS:
                index.upsert(np.array([number]), np.frombuffer(one.vector, kind)[None])
    return index


@pytest.fixture(scope="module")
def indexes() -> tuple[BruteForceIndex, BruteForceIndex]:
    works = [extract(encoded(textured(seed, SIZE))) for seed in range(WORKS)]
    return index_of(works, PHASH), index_of(works, DESCRIPTOR)


def found_by(candidates: list[Candidate], space: Space) -> list[int]:
    return [one.number for one in candidates if one.space == space.id]


def test_a_mirrored_copy_is_found_by_its_hash(indexes: tuple[BruteForceIndex, BruteForceIndex]) -> None:
    mirrored = textured(7, SIZE).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    candidates = find_candidates(extract(encoded(mirrored)), *indexes)
    assert found_by(candidates, PHASH) == [7]
    assert candidates[0].distance <= 4


@pytest.mark.parametrize("place", range(4))
def test_each_picture_of_a_collage_is_found_by_its_tile(
    indexes: tuple[BruteForceIndex, BruteForceIndex], place: int
) -> None:
    candidates = find_candidates(extract(encoded(collage_with(textured(5, SIZE), place))), *indexes)
    assert found_by(candidates, PHASH) == []
    assert 5 in found_by(candidates, DESCRIPTOR)[:MOST]


def test_a_picture_on_a_page_is_found_by_its_descriptor(indexes: tuple[BruteForceIndex, BruteForceIndex]) -> None:
    candidates = find_candidates(extract(encoded(page_with(textured(5, SIZE)))), *indexes)
    assert 5 in found_by(candidates, DESCRIPTOR)[:MOST]


def test_a_number_is_named_once_and_no_further_than_the_reach(
    indexes: tuple[BruteForceIndex, BruteForceIndex],
) -> None:
    candidates = find_candidates(extract(encoded(textured(3, SIZE))), *indexes, Reach(descriptor_within=0.5))
    assert len({(one.space, one.number) for one in candidates}) == len(candidates)
    assert all(one.distance <= 0.5 for one in candidates if one.space == DESCRIPTOR.id)


def test_distinct_pictures_keep_the_order_and_leave_out_what_has_gone() -> None:
    pictures = {1: "a", 2: "b", 3: "a", 5: "c"}
    candidates = [Candidate("s@1", number, 0.0) for number in (2, 1, 4, 3, 5)]
    assert list(distinct(candidates, lambda one: pictures.get(one.number))) == ["b", "a", "c"]
    assert list(distinct(candidates, lambda one: pictures.get(one.number), most=2)) == ["b", "a"]
