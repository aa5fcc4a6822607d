"""Test that marks shared by several works of an owner are found, and never suffice for a match."""

from dataclasses import replace

import pytest
from PIL import Image

from exhibit.types import Decision
from indexer.compare.decision import verify
from indexer.compare.marks import marks_of, shared_windows
from indexer.layout.orientation import Box
from indexer.picture.features import Features, extract
from tests.assets.marked import SIZE, thing, under_words, with_logo
from tests.assets.textured import encoded, textured


def measured(picture: Image.Image, quality: int = 90) -> Features:
    return extract(encoded(picture, "JPEG", quality))


def marks(work: Features, others: list[Features]) -> tuple[Box, ...]:
    return marks_of([shared for one in others if (shared := shared_windows(work, one)) is not None])


def registered(work: Features, others: list[Features]) -> Features:
    boxes = tuple(box.scaled(work.info.width, work.info.height) for box in marks(work, others))
    assert boxes
    return replace(work, marked=boxes)


def area(boxes: tuple[Box, ...]) -> float:
    return sum(box.width * box.height for box in boxes)


@pytest.mark.long
def test_a_logo_that_three_works_carry_is_found_where_it_is() -> None:
    works = [measured(with_logo(textured(seed))) for seed in (61, 62, 63)]
    found = marks(works[0], works[1:])
    assert min(box.left for box in found) > 0.6
    assert min(box.top for box in found) > 0.6
    assert 0.03 < area(found) < 0.2


def test_two_works_are_too_few_for_a_mark() -> None:
    works = [measured(with_logo(textured(seed))) for seed in (61, 62)]
    assert marks(works[0], works[1:]) == ()


@pytest.mark.long
def test_works_without_a_mark_have_none() -> None:
    works = [measured(textured(seed)) for seed in (61, 62, 63, 64)]
    assert marks(works[0], works[1:]) == ()


def test_versions_of_one_work_are_no_marks_of_it() -> None:
    work = textured(61)
    versions = [measured(work, 60), measured(work.resize((400, 300))), measured(work.crop((20, 20, 460, 340)))]
    assert marks(measured(work), versions) == ()


@pytest.mark.long
def test_a_stranger_under_the_same_words_is_no_find_when_the_mark_is_known() -> None:
    works = [measured(under_words(thing(seed))) for seed in (1, 2, 3, 4)]
    stranger = measured(under_words(thing(8)), 75)
    assert verify(stranger, works[0]).decision is Decision.CERTAIN
    assert verify(stranger, registered(works[0], works[1:])).decision is Decision.NONE


def test_copies_stay_certain_under_a_known_mark() -> None:
    works = [measured(under_words(thing(seed))) for seed in (1, 2, 3, 4)]
    work = registered(works[0], works[1:])
    copy = under_words(thing(1)).resize((SIZE[0] * 4 // 5, SIZE[1] * 4 // 5))
    assert verify(measured(copy, 70), work).decision is Decision.CERTAIN


def test_what_shows_only_the_mark_goes_to_a_person_at_most() -> None:
    works = [measured(with_logo(textured(seed))) for seed in (61, 62, 63)]
    work = registered(works[0], works[1:])
    corner = measured(with_logo(textured(61)).crop((340, 270, 470, 350)).resize((520, 320)))
    seen = verify(corner, work)
    assert seen.decision is not Decision.CERTAIN
    assert seen.decision is Decision.NONE or "mark" in seen.reasons
