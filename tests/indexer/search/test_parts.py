"""Test that a work that is small among others is found, and that its measurements hold for the whole image."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageOps

from exhibit.comparison.similarity import compute_dense_similarity
from exhibit.types import Decision, Verification
from indexer.compare.decision import DetailedVerification
from indexer.picture.features import extract
from indexer.picture.spaces import DESCRIPTOR
from indexer.search.comparison import compare_pair, compare_pictures
from indexer.search.parts import downgrade_weak_match
from indexer.search.search import find_works
from tests.assets.textured import encoded, textured
from tests.indexer.search.test_search import SIZE, Shelf

CELL, PLACES = (190, 142), [(12 + column * 202, 12 + row * 154) for row in range(6) for column in range(6)]
AT = 23


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("votes"))


def sheet(content: Image.Image) -> Image.Image:
    """Return a page of 36 images."""
    page = Image.new("RGB", (1230, 940), "white")
    for number, place in enumerate(PLACES):
        picture = content if number == AT else textured(800 + number)
        page.paste(ImageOps.fit(picture, CELL, Image.Resampling.LANCZOS), place)
    return page


def find_in(shelf: Shelf, data: bytes) -> dict[int, Verification]:
    results = find_works(extract(data), lambda: data, shelf)
    return {work: verification for work, verification in results if verification.decision is not Decision.NONE}


def test_picture_on_a_sheet_of_dozens_is_located(shelf: Shelf) -> None:
    page = sheet(textured(7, SIZE))
    [(work, verification)] = find_in(shelf, encoded(page, "JPEG")).items()
    assert (work, verification.decision) == (7, Decision.CERTAIN)
    corners = np.linalg.inv(np.array(verification.transform)) @ [[0, SIZE[0]], [0, SIZE[1]], [1, 1]]
    x, top = PLACES[AT]
    expected = [[x, x + CELL[0]], [top, top + CELL[1]]]
    assert np.abs(corners[:2] / corners[2] - expected).max() < 2.5
    assert verification.overlap_picture == pytest.approx(CELL[0] * CELL[1] / (page.width * page.height), rel=0.05)


def test_match_of_a_part_equals_comparison_with_the_whole_picture(shelf: Shelf) -> None:
    page = sheet(textured(7, SIZE).crop((60, 0, 400, 300)))
    verification = find_in(shelf, encoded(page))[7]
    work = np.asarray(textured(7, SIZE))
    assert verification.dense == pytest.approx(
        compute_dense_similarity(np.asarray(page), work, verification.transform or ()), abs=0.02
    )


def test_sheet_of_unrelated_pictures_has_no_matches(shelf: Shelf) -> None:
    assert find_in(shelf, encoded(sheet(textured(950)), "JPEG")) == {}


def test_pair_comparison_matches_search_result(shelf: Shelf) -> None:
    data = encoded(sheet(textured(7, SIZE)), "JPEG")
    features = extract(data)
    alone = compare_pair(features, lambda: data, shelf.works[7])
    among = find_in(shelf, data)[7]
    assert isinstance(among, DetailedVerification)
    assert replace(among, limit=0.0) == replace(alone, limit=0.0)  # more is needed among more works
    assert compare_pair(features, lambda: data, shelf.works[8]).decision is Decision.NONE


def test_descriptors_of_other_networks_are_skipped(shelf: Shelf) -> None:
    data = encoded(sheet(textured(7, SIZE)), "JPEG")
    other = replace(DESCRIPTOR, name="another", width=3)
    features, work = extract(data), shelf.works[7]
    assert compare_pair(replace(features, space=other), lambda: data, work).decision is Decision.NONE
    assert compare_pair(features, lambda: data, replace(work, space=other)).decision is Decision.NONE


def test_small_work_in_a_picture_is_found_by_direct_comparison(shelf: Shelf) -> None:
    wall = textured(960, (1300, 950))
    wall.paste(textured(7, SIZE).resize((150, 113), Image.Resampling.LANCZOS), (700, 420))
    data, features = encoded(wall, "JPEG"), extract(encoded(wall, "JPEG"))
    assert compare_pair(features, lambda: data, shelf.works[7]).decision is Decision.CERTAIN
    assert compare_pictures(encoded(textured(7, SIZE)), data).decision is Decision.CERTAIN
    assert compare_pair(features, lambda: data, shelf.works[8]).decision is Decision.NONE
    sheeted = encoded(sheet(textured(7, SIZE)), "JPEG")
    assert compare_pictures(encoded(textured(7, SIZE)), sheeted).decision is Decision.CERTAIN


def test_strip_is_searched_section_by_section(shelf: Shelf) -> None:
    strip = Image.new("RGB", (640, 5200), "white")
    for place in range(16):
        picture = textured(7, SIZE) if place == 11 else textured(800 + place, SIZE)
        strip.paste(
            ImageOps.fit(picture, (240, 180), Image.Resampling.LANCZOS), (30 + 330 * (place % 2), 40 + 320 * place)
        )
    for turned in (strip, strip.transpose(Image.Transpose.ROTATE_90)):
        assert find_in(shelf, encoded(turned, "JPEG")).keys() == {7}
    assert find_in(shelf, encoded(strip.crop((0, 0, 640, 3500)), "JPEG")) == {}


def test_certain_match_requires_verifier_agreement(shelf: Shelf) -> None:
    data = encoded(sheet(textured(7, SIZE)), "JPEG")
    verification = find_in(shelf, data)[7]
    assert downgrade_weak_match(verification) == verification
    held_back = downgrade_weak_match(replace(verification, dense=0.49))
    assert (held_back.decision, held_back.reasons[-1]) == (Decision.REVIEW, "weak-agreement")
