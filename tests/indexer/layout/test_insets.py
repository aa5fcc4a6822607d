"""Test that an image overlaid on another is found as a rectangle and by its hash; most photographs have none."""

import numpy as np
import pytest
from PIL import Image

from indexer.compare.nearest_hash import find_nearest_hash
from indexer.layout.insets import find_inset
from indexer.layout.orientation import Box
from indexer.picture.features import Features, extract
from indexer.picture.spaces import INSET, PHASH, PICTURE_PARTS, WHOLE, WORK_PARTS
from indexer.search.candidates import find_hash_candidates
from tests.assets.brute_force import BruteForceIndex
from tests.assets.textured import PLACE, SMALL, collage_with, encoded, textured, with_inset


def find_inset_in(picture: Image.Image) -> Box | None:
    grey = picture.convert("L")
    grey.thumbnail((512, 512))
    return find_inset(np.asarray(grey), picture.size)


@pytest.mark.parametrize("seed", range(900, 904))
@pytest.mark.parametrize("colour", ["white", "black"])
def test_picture_pasted_on_picture_is_an_inset(seed: int, colour: str) -> None:
    box = find_inset_in(with_inset(seed, colour=colour))
    assert box is not None
    assert box.compute_intersection_over_union(Box(*PLACE, PLACE[0] + 300, PLACE[1] + 225)) > 0.9


@pytest.mark.parametrize("seed", range(6))
def test_photograph_has_no_insets(seed: int) -> None:
    assert find_inset_in(textured(seed, (900, 675))) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (7, 7), (40, 500), (300, 400)])
def test_plain_picture_has_no_insets(shape: tuple[int, int]) -> None:
    assert find_inset(np.full(shape, 200, np.uint8), shape[::-1]) is None


def test_region_small_in_original_is_not_an_inset() -> None:
    assert find_inset_in(with_inset(900).resize((144, 108), Image.Resampling.LANCZOS)) is None


@pytest.fixture(scope="module")
def page() -> Features:
    return extract(encoded(with_inset(900)))


@pytest.mark.long
def test_inset_has_descriptor_and_hash_matching_its_work(page: Features) -> None:
    assert tuple(page.embeddings) == (WHOLE, INSET)
    assert page.inset is not None
    index = BruteForceIndex(PHASH)
    works = [extract(encoded(textured(seed, (640, 480)))) for seed in (5, 6)]
    index.upsert(np.arange(2), np.stack([work.hash_variants[0] for work in works]))
    small = extract(encoded(with_inset(900, textured(5, (640, 480)).resize((300, 225), Image.Resampling.LANCZOS))))
    assert find_hash_candidates([small], index)[0][0].number == 0


def test_insets_are_stored_for_seen_pictures_only() -> None:
    assert INSET in PICTURE_PARTS - WORK_PARTS


@pytest.mark.long
def test_works_do_not_match_pictures_that_share_only_an_inset(page: Features) -> None:
    stranger = extract(encoded(with_inset(903)))
    assert stranger.inset is not None
    assert find_nearest_hash(stranger, page).hamming > 60


def test_pictures_between_gutters_are_panels_not_insets() -> None:
    collage = extract(encoded(collage_with(SMALL)))
    assert (len(collage.panels), collage.inset) == (4, None)
