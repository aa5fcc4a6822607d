"""Test that marks shared by several works of an owner are found, and never suffice for a match."""

from dataclasses import replace

import pytest
from PIL import Image

from exhibit.types import Decision
from indexer.compare.decision import verify
from indexer.compare.marks import find_shared_windows, locate_marks
from indexer.layout.orientation import Box
from indexer.picture.features import Features, extract
from tests.assets.textured import encoded, textured
from tests.assets.watermarks import SIZE, cover_with_text, object_picture, with_logo


def features_of(picture: Image.Image, quality: int = 90) -> Features:
    return extract(encoded(picture, "JPEG", quality))


def marks(work: Features, other_works: list[Features]) -> tuple[Box, ...]:
    return locate_marks([shared for other in other_works if (shared := find_shared_windows(work, other)) is not None])


def registered(work: Features, others: list[Features]) -> Features:
    boxes = tuple(box.scale_by(work.info.width, work.info.height) for box in marks(work, others))
    assert boxes
    return replace(work, marked=boxes)


def area(boxes: tuple[Box, ...]) -> float:
    return sum(box.width * box.height for box in boxes)


@pytest.mark.long
def test_logo_on_three_works_is_located() -> None:
    works = [features_of(with_logo(textured(seed))) for seed in (61, 62, 63)]
    boxes = marks(works[0], works[1:])
    assert min(box.left for box in boxes) > 0.6
    assert min(box.top for box in boxes) > 0.6
    assert 0.03 < area(boxes) < 0.2


def test_two_works_are_too_few_for_a_mark() -> None:
    works = [features_of(with_logo(textured(seed))) for seed in (61, 62)]
    assert marks(works[0], works[1:]) == ()


@pytest.mark.long
def test_no_mark_is_found_on_works_without_a_shared_mark() -> None:
    works = [features_of(textured(seed)) for seed in (61, 62, 63, 64)]
    assert marks(works[0], works[1:]) == ()


def test_content_shared_by_versions_of_one_work_is_not_a_mark() -> None:
    work = textured(61)
    versions = [features_of(work, 60), features_of(work.resize((400, 300))), features_of(work.crop((20, 20, 460, 340)))]
    assert marks(features_of(work), versions) == ()


@pytest.mark.long
def test_unrelated_picture_with_a_known_mark_is_not_a_match() -> None:
    works = [features_of(cover_with_text(object_picture(seed))) for seed in (1, 2, 3, 4)]
    stranger = features_of(cover_with_text(object_picture(8)), 75)
    assert verify(stranger, works[0]).decision is Decision.CERTAIN
    assert verify(stranger, registered(works[0], works[1:])).decision is Decision.NONE


def test_copies_with_a_known_mark_stay_certain() -> None:
    works = [features_of(cover_with_text(object_picture(seed))) for seed in (1, 2, 3, 4)]
    work = registered(works[0], works[1:])
    copy = cover_with_text(object_picture(1)).resize((SIZE[0] * 4 // 5, SIZE[1] * 4 // 5))
    assert verify(features_of(copy, 70), work).decision is Decision.CERTAIN


def test_match_of_a_mark_alone_is_never_certain() -> None:
    works = [features_of(with_logo(textured(seed))) for seed in (61, 62, 63)]
    work = registered(works[0], works[1:])
    corner = features_of(with_logo(textured(61)).crop((340, 270, 470, 350)).resize((520, 320)))
    result = verify(corner, work)
    assert result.decision is not Decision.CERTAIN
    assert result.decision is Decision.NONE or "mark" in result.reasons
