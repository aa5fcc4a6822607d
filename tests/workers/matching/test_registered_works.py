"""The registered works as a search goes through them: works come and go while others search."""

import time

import pytest
from PIL import Image

from desk.schemas.works import FullWork
from exhibit.digests import Digest
from registry.models import Case, Match, Owner, WorkPicture, WorkRelation
from registry.works.relations import siblings_of
from tests.assets.collection import found_in, sheet
from tests.assets.exposures import exposure
from tests.assets.marked import thing, under_words
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, photograph, register
from tests.assets.stage import inline, stage
from tests.assets.textured import textured
from workers.matching.identify import identify
from workers.matching.registered_works import registered_features
from workers.services.wiring import Services
from workers.steps.matching.match import match_pictures
from workers.tasks.sync_runner import SyncRunner
from workers.works.registration import remove_work

__all__ = ["inline", "stage"]


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """An owner with some works."""
    made = owner("studio")
    for number in (4, 9):
        register(stage.services, made, photograph(number), f"Work {number}")


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return Owner.objects.get()


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


def marked(seed: int) -> bytes:
    return jpeg(under_words(thing(seed)))


def test_whoever_registers_a_picture_later_takes_nothing_from_it(inline: SyncRunner, studio: Owner) -> None:
    data = marked(1)
    register(inline.services, studio, data)
    rival = owner("rival")
    for one in (marked(2), marked(3), data):
        register(inline.services, rival, one)
    assert WorkPicture.objects.filter(picture__digest=Digest.of(data)).exclude(marks=[]).get().work.owner == rival
    assert registered_features(inline.services, Digest.of(data)).marked == ()


def registered(inline: SyncRunner, studio: Owner, *files: bytes) -> None:
    for number, data in enumerate(files, 1):
        register(inline.services, studio, data, f"Work {number}")
    inline.run_until_idle()


def told(studio: Owner) -> dict[int, list[tuple[int, str]]]:
    works = [FullWork.from_row(work) for work in studio.works.order_by("number")]
    return {work.number: [(other.work, other.kind) for other in work.relations] for work in works}


def decisions() -> dict[str, str]:
    rows = Match.objects.filter(registered__work_pictures__work__owner__slug="studio")
    return dict(rows.values_list("registered__work_pictures__work__title", "decision"))


def see(inline: SyncRunner, studio: Owner, data: bytes) -> None:
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [data]))


def test_duplicates_parts_and_series_are_told_of_both_works(inline: SyncRunner) -> None:
    studio, whole = owner("studio"), textured(4)
    part = jpeg(whole.crop((40, 30, 400, 320)))
    registered(inline, studio, jpeg(whole), part, jpeg(whole, 70), jpeg(textured(9)), exposure(0), exposure(1))
    assert told(studio) == {
        1: [(2, "whole-of"), (3, "duplicate")],
        2: [(1, "part-of"), (3, "part-of")],
        3: [(1, "duplicate"), (2, "whole-of")],
        4: [],
        5: [(6, "series")],
        6: [(5, "series")],
    }
    shown = FullWork.from_row(studio.works.get(number=2)).relations[0]
    assert shown.shown > 0.9
    assert shown.sentence == "This work is a part of it."


def test_of_a_series_the_exposure_that_was_copied_is_certain_and_the_other_left_to_a_person(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(0), exposure(1))
    see(inline, studio, copy_of(exposure(1)))
    assert decisions() == {"Work 1": "review", "Work 2": "certain"}
    held = Match.objects.get(decision="review")
    assert (held.reasons, held.probability) == (["series"], None)
    assert Case.objects.count() == 2


def test_without_the_other_exposure_nothing_changes(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(0))
    see(inline, studio, copy_of(exposure(1)))
    assert decisions() == {"Work 1": "certain"}


def test_a_new_work_of_a_series_leaves_what_was_seen_before_to_the_exposure_that_was_copied(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(1))
    see(inline, studio, copy_of(exposure(1)))
    register(inline.services, studio, exposure(0), "Work 2")
    inline.run_until_idle()
    assert decisions() == {"Work 1": "certain", "Work 2": "review"}


def test_whoever_asks_which_work_a_picture_shows_is_told_the_same(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(0), exposure(1))
    answer = identify(inline.services, studio, copy_of(exposure(1)))
    assert [(found.work.number, str(found.verification.decision)) for found in answer.works] == [
        (2, "certain"),
        (1, "review"),
    ]


def test_works_of_others_removed_ones_and_plain_ones_are_no_siblings(inline: SyncRunner) -> None:
    studio, rival = owner("studio"), owner("rival")
    registered(inline, studio, exposure(0), exposure(2))
    registered(inline, rival, exposure(0), exposure(1))  # what the rival registers takes nothing from the first
    first = studio.works.get(number=1)
    (picture,) = first.pictures.values_list("pk", flat=True)
    assert siblings_of([picture]) == {picture: list(studio.works.get(number=2).pictures.values_list("pk", flat=True))}
    remove_work(studio.works.get(number=2), by="test")
    assert siblings_of([picture]) == {picture: []}
    assert told(studio)[1] == []
    plain = [jpeg(Image.new("RGB", (320, 240), colour)) for colour in ("white", "snow")]
    before = WorkRelation.objects.count()
    registered(inline, studio, *plain)
    assert WorkRelation.objects.count() == before


def test_a_picture_with_the_bytes_of_one_exposure_is_that_one(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(0), exposure(1))
    see(inline, studio, exposure(1))
    assert decisions() == {"Work 1": "review", "Work 2": "certain"}
