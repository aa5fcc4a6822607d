"""Test the order of the search: what decides early, what is skipped, what is examined twice."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from exhibit.types import Decision, Metric
from indexer.picture.features import Features, compute_fingerprints, extract
from indexer.picture.spaces import DESCRIPTOR, PHASH, ROOTSIFT, STORED_LOCAL_FEATURES, WORK_PARTS
from indexer.search.candidates import Candidate, find_hash_candidates
from indexer.search.comparison import compare_pictures
from indexer.search.search import find_works
from indexer.votes.index import Vote, VoteIndex
from tests.assets.brute_force import BruteForceIndex
from tests.assets.edited_pictures import PICTURE, jpeg
from tests.assets.textured import collage_with, encoded, textured

SIZE = (400, 300)
COUNT = 36
PHOTOGRAPHS = Path(__file__).parents[3] / "demo" / "assets" / "lookalikes"


class Shelf:
    """Works by their position in a list, with a record of all queries. Implements ``indexer.search.search.Works``."""

    def __init__(self, folder: Path, seeds: Iterable[int] = range(COUNT)) -> None:
        self.works = [extract(encoded(textured(seed, SIZE))) for seed in seeds]
        self._spaces = {space.id: BruteForceIndex(space) for space in (PHASH, DESCRIPTOR)}
        self._votes = VoteIndex(folder)
        self._owners: dict[tuple[str, int], int] = {}
        self.asked: list[str] = []
        for number, work in enumerate(self.works):
            for fingerprint in compute_fingerprints(work.digest, work):
                if fingerprint.part in WORK_PARTS:
                    index, place = self._spaces[fingerprint.space], len(self._owners)
                    kind = np.uint8 if index.space.metric is Metric.HAMMING else np.float32
                    index.upsert(np.array([place]), np.frombuffer(fingerprint.vector, kind)[None])
                    self._owners[fingerprint.space, place] = number
            self._votes.upsert(np.array([number]), [work.local.descriptors[:STORED_LOCAL_FEATURES]])
            self._owners[ROOTSIFT.id, number] = number

    @property
    def hashes(self) -> BruteForceIndex:
        self.asked.append("hashes")
        return self._spaces[PHASH.id]

    @property
    def descriptors(self) -> BruteForceIndex:
        self.asked.append("descriptors")
        return self._spaces[DESCRIPTOR.id]

    @property
    def votes(self) -> VoteIndex:
        self.asked.append("votes")
        return self._votes

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        return {
            (candidate.space, candidate.number): self._owners[candidate.space, candidate.number]
            for candidate in candidates
        }

    def features(self, work: int) -> Features:
        return self.works[work]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("votes"))


def search_works(shelf: Shelf, picture: Image.Image, name: str = "PNG") -> set[int]:
    """Return the works that an image shows, by the automatic decision."""
    data = encoded(picture, name)
    shelf.asked.clear()
    return {
        work
        for work, verification in find_works(extract(data), lambda: data, shelf)
        if verification.decision is not Decision.NONE
    }


def test_both_registrations_of_one_picture_are_found(shelf: Shelf, tmp_path: Path) -> None:
    twice = Shelf(tmp_path, (*range(COUNT), 3))
    assert search_works(twice, textured(3, SIZE), "JPEG") == {3, COUNT}
    assert search_works(twice, collage_with(textured(3, SIZE)), "JPEG") == {3, COUNT}


def test_verdict_on_a_work_is_independent_of_other_works(shelf: Shelf, tmp_path: Path) -> None:
    alone, data = Shelf(tmp_path, (7,)), encoded(textured(7, SIZE).crop((60, 40, 330, 250)), "JPEG")
    among, by_itself = (dict(find_works(extract(data), lambda: data, some)) for some in (shelf, alone))
    assert among[7] == by_itself[0]


@pytest.mark.long
def test_hash_search_results_of_a_batch_are_reused(shelf: Shelf) -> None:
    files = [encoded(textured(3, SIZE), "JPEG"), encoded(collage_with(textured(5, SIZE)))]
    features_list = [extract(data) for data in files]
    alone = [
        find_works(features, lambda data=data: data, shelf)  # type: ignore[misc]
        for features, data in zip(features_list, files, strict=True)
    ]
    hashed = find_hash_candidates(features_list, shelf.hashes)
    shelf.asked.clear()
    together = [
        find_works(features, lambda data=data: data, shelf, hash_hits=hash_result)  # type: ignore[misc]
        for features, data, hash_result in zip(features_list, files, hashed, strict=True)
    ]
    assert together == alone
    assert shelf.asked.count("hashes") == len(files)


def test_icon_is_matched_by_hash_only(shelf: Shelf) -> None:
    search_works(shelf, textured(500, SIZE).resize((48, 36)))
    assert shelf.asked == ["hashes"]


def test_picture_without_candidates_is_not_compared(shelf: Shelf) -> None:
    data = (PHOTOGRAPHS / "plane-trees.jpg").read_bytes()
    shelf.asked.clear()
    assert find_works(extract(data), lambda: data, shelf) == []
    assert shelf.asked == ["hashes", "votes", "descriptors"]


def test_picture_without_evidence_of_a_work_is_not_compared(shelf: Shelf) -> None:
    data = (PHOTOGRAPHS / "boat-at-pier.jpg").read_bytes()
    features = extract(data)
    shelf.asked.clear()
    assert find_works(features, lambda: data, shelf) == []
    assert shelf.asked == ["hashes", "votes", "descriptors"]


def test_thumbnail_of_a_work_is_found_and_of_another_picture_is_not(shelf: Shelf) -> None:
    with Image.open(PHOTOGRAPHS / "boat-at-pier.jpg") as picture:
        picture.thumbnail((100, 100))
        data = encoded(picture)
    features = extract(data)
    shelf.asked.clear()
    assert find_works(features, lambda: data, shelf) == []
    assert search_works(shelf, textured(7, SIZE).crop((60, 40, 330, 250)).resize((135, 105)), "JPEG") == {7}


def test_small_enlarged_part_of_a_work_is_found(shelf: Shelf) -> None:
    assert search_works(shelf, textured(6, SIZE).crop((150, 100, 250, 175)).resize((240, 180))) == {6}


def test_negative_is_found(shelf: Shelf) -> None:
    assert search_works(shelf, ImageOps.invert(textured(4, SIZE))) == {4}


def test_small_part_of_a_work_is_found(shelf: Shelf) -> None:
    assert 6 in search_works(shelf, textured(6, SIZE).crop((150, 100, 270, 210)))


def test_piece_of_a_work_is_found(shelf: Shelf) -> None:
    assert 7 in search_works(shelf, textured(7, SIZE).crop((60, 40, 330, 250)))


@pytest.mark.long
def test_all_works_of_a_collage_are_found(shelf: Shelf) -> None:
    sheet = collage_with(textured(5, SIZE), 0)
    for place, seed in ((1, 11), (2, 17), (3, 23)):
        sheet.paste(textured(seed, SIZE), (place % 2 * 410, place // 2 * 310))
    assert search_works(shelf, sheet) == {5, 11, 17, 23}


@pytest.mark.long
def test_small_picture_over_other_picture_on_page_is_found(shelf: Shelf) -> None:
    page = Image.new("RGB", (960, 720), "white")
    for number in range(4):
        page.paste(textured(900 + number, (360, 360)), (60 + 480 * (number // 2), 360 * (number % 2)))
    page.paste(textured(3, SIZE).resize((160, 120), Image.Resampling.LANCZOS), (90, 20))
    assert search_works(shelf, page, "JPEG") == {3}


@pytest.mark.long
def test_overlapping_works_in_other_picture_are_all_found(shelf: Shelf) -> None:
    other = textured(800, (1100, 800))
    for place, seed in enumerate((2, 9)):
        other.paste(textured(seed, SIZE).rotate(90 * place, expand=True), (80 + 480 * place, 150))
    assert search_works(shelf, other) == {2, 9}


@pytest.mark.long
def test_repeated_search_returns_same_results(shelf: Shelf) -> None:
    data = encoded(collage_with(textured(5, SIZE), 2))
    first, second = (find_works(extract(data), lambda: data, shelf) for _ in range(2))
    assert first == second


class FixedVotes(NamedTuple):
    """A vote index that returns the same for every image."""

    cast_votes: list[Vote]

    def votes(self, _descriptors: NDArray[np.float32]) -> list[Vote]:
        return self.cast_votes


@pytest.mark.parametrize(("times", "next_work", "expected"), [(4.0, 1.0, {7}), (1.5, 1.0, set()), (6.0, 4.0, {7})])
def test_small_copy_is_found_by_votes_alone(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, times: float, next_work: float, expected: set[int]
) -> None:
    other = textured(707, (1000, 750))
    other.paste(ImageEnhance.Contrast(textured(7, SIZE).resize((260, 195))).enhance(0.6), (370, 250))
    by_chance = [Vote(100 + number, 1.0) for number in range(40)]
    monkeypatch.setattr(shelf, "_votes", FixedVotes([Vote(7, times), Vote(8, next_work), *by_chance]))
    assert search_works(shelf, other, "JPEG") == expected


def test_very_small_work_on_a_page_is_found() -> None:
    page = Image.new("RGB", (2400, 1500), "white")
    page.paste(PICTURE.resize((330, 248), Image.Resampling.LANCZOS), (900, 700))
    assert compare_pictures(encoded(PICTURE), jpeg(page)).decision is Decision.CERTAIN
