"""Test captions and marks of registered works: shown to the owner, stored, and used in comparisons."""

from dataclasses import replace

import pytest
from PIL import ImageDraw, ImageOps

from desk.schemas import works as schemas
from registry.matches.match import match_pictures
from registry.models import Case, Match, Owner, WorkPicture
from registry.works.marks import RegisteredPicture, registered
from registry.works.registration import remove_work
from tests.assets.marked import thing, under_words
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, register
from tests.assets.textured import textured
from workers.tasks.sync_runner import SyncRunner


def marked(seed: int) -> bytes:
    return jpeg(under_words(thing(seed)))


def kinds(row: WorkPicture) -> list[str]:
    return [one.kind for one in schemas.Work.from_row(row.work).pictures[0].masks]


def test_a_caption_is_told_in_a_sentence(inline: SyncRunner) -> None:
    captioned = ImageOps.expand(textured(51), (0, 0, 0, 50), "white").crop((50, 0, 480, 410))
    ImageDraw.Draw(captioned).text((20, 370), "Lumen Photo Agency", fill="black", font_size=24)
    work = register(inline.services, owner("studio"), jpeg(captioned)).work
    (told,) = schemas.Work.from_row(work).model_dump(mode="json")["pictures"][0]["masks"]
    assert (told["kind"], "12%" in told["sentence"]) == ("caption", True)
    assert round(told["share"], 2) == 0.12


def test_of_a_picture_without_caption_or_mark_nothing_is_told(inline: SyncRunner) -> None:
    register(inline.services, owner("studio"), jpeg(textured(51)))
    assert kinds(WorkPicture.objects.get()) == []


@pytest.mark.long
def test_the_third_work_with_a_mark_shows_it_on_all_three(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, marked(1))
    register(inline.services, studio, marked(2))
    assert [kinds(row) for row in WorkPicture.objects.order_by("pk")] == [[], []]
    register(inline.services, studio, marked(3))
    assert [kinds(row) for row in WorkPicture.objects.order_by("pk")] == [["mark"]] * 3


@pytest.mark.long
def test_a_mark_is_found_though_other_works_came_between(inline: SyncRunner) -> None:
    studio = owner("studio")
    for seed in (1, 2):
        register(inline.services, studio, marked(seed))
    for seed in (51, 52, 53):
        register(inline.services, studio, jpeg(textured(seed)))
    register(inline.services, studio, marked(3))
    assert [kinds(row) for row in WorkPicture.objects.order_by("pk")] == [["mark"], ["mark"], [], [], [], ["mark"]]


def test_works_of_other_owners_and_removed_ones_are_not_looked_at(inline: SyncRunner) -> None:
    studio = owner("studio")
    removed = register(inline.services, studio, marked(1)).work
    remove_work(removed, by="test")
    register(inline.services, owner("rival"), marked(2))
    register(inline.services, studio, marked(3))
    register(inline.services, studio, marked(4))
    assert not WorkPicture.objects.exclude(marks=[]).exists()


def test_the_marks_of_the_first_registration_count_and_anybodys_wish_for_derived_works_until_they_are_removed(
    inline: SyncRunner,
) -> None:
    data = jpeg(textured(51))
    rows = [register(inline.services, owner(name), data) for name in ("studio", "rival")]
    Owner.objects.filter(slug="rival").update(derived=True)
    for row, marks in zip(rows, ([[0.0, 0.0, 0.5, 0.5]], []), strict=True):
        WorkPicture.objects.filter(work=row.work).update(marks=marks)
    picture = WorkPicture.objects.get(work=rows[0].work).picture
    known = RegisteredPicture(picture.digest, [[0.0, 0.0, 0.5, 0.5]], derived=True)
    assert registered([picture.pk]) == {picture.pk: known}
    remove_work(rows[1].work, by="test")
    assert registered([picture.pk]) == {picture.pk: replace(known, derived=False)}
    remove_work(rows[0].work, by="test")
    assert registered([picture.pk, 0]) == {picture.pk: replace(known, marks=[], derived=False)}


@pytest.mark.long
def test_a_stranger_under_the_mark_opens_no_case_and_a_copy_does(inline: SyncRunner) -> None:
    studio = owner("studio")
    for seed in (1, 2, 3):
        register(inline.services, studio, marked(seed))
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [marked(8), copy_of(marked(1))]))
    assert [case.work.number for case in Case.objects.all()] == [1]
    assert not Match.objects.filter(decision="certain").exclude(registered__work_pictures__work__number=1).exists()
