"""Test captions and marks of registered works: shown to the owner, stored, and used in comparisons."""

from dataclasses import replace

import pytest
from PIL import ImageDraw, ImageOps

from desk.schemas import works as schemas
from registry.matches.match import match_pictures
from registry.models import Case, Match, Owner, WorkPicture
from registry.works.marks import RegisteredPicture, load_registered_pictures
from registry.works.registration import remove_work
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, recompress, record_sightings, register
from tests.assets.textured import textured
from tests.assets.watermarks import cover_with_text, object_picture
from workers.tasks.sync_runner import SyncRunner


def make_marked_copy(seed: int) -> bytes:
    return encode_jpeg(cover_with_text(object_picture(seed)))


def list_kinds(row: WorkPicture) -> list[str]:
    return [mark.kind for mark in schemas.Work.from_row(row.work).pictures[0].masks]


def test_caption_is_described_in_a_sentence(inline: SyncRunner) -> None:
    captioned = ImageOps.expand(textured(51), (0, 0, 0, 50), "white").crop((50, 0, 480, 410))
    ImageDraw.Draw(captioned).text((20, 370), "Lumen Photo Agency", fill="black", font_size=24)
    work = register(inline.services, owner("studio"), encode_jpeg(captioned)).work
    (mark,) = schemas.Work.from_row(work).model_dump(mode="json")["pictures"][0]["masks"]
    assert (mark["kind"], "12%" in mark["sentence"]) == ("caption", True)
    assert round(mark["share"], 2) == 0.12


def test_picture_without_caption_or_mark_lists_none(inline: SyncRunner) -> None:
    register(inline.services, owner("studio"), encode_jpeg(textured(51)))
    assert list_kinds(WorkPicture.objects.get()) == []


@pytest.mark.long
def test_mark_is_detected_when_a_third_work_has_it(inline: SyncRunner) -> None:
    studio = owner("studio")
    register(inline.services, studio, make_marked_copy(1))
    register(inline.services, studio, make_marked_copy(2))
    assert [list_kinds(row) for row in WorkPicture.objects.order_by("pk")] == [[], []]
    register(inline.services, studio, make_marked_copy(3))
    assert [list_kinds(row) for row in WorkPicture.objects.order_by("pk")] == [["mark"]] * 3


@pytest.mark.long
def test_mark_is_detected_even_if_other_works_are_registered_in_between(inline: SyncRunner) -> None:
    studio = owner("studio")
    for seed in (1, 2):
        register(inline.services, studio, make_marked_copy(seed))
    for seed in (51, 52, 53):
        register(inline.services, studio, encode_jpeg(textured(seed)))
    register(inline.services, studio, make_marked_copy(3))
    assert [list_kinds(row) for row in WorkPicture.objects.order_by("pk")] == [["mark"], ["mark"], [], [], [], ["mark"]]


def test_works_of_other_owners_and_removed_works_are_ignored(inline: SyncRunner) -> None:
    studio = owner("studio")
    removed = register(inline.services, studio, make_marked_copy(1)).work
    remove_work(removed, by="test")
    register(inline.services, owner("rival"), make_marked_copy(2))
    register(inline.services, studio, make_marked_copy(3))
    register(inline.services, studio, make_marked_copy(4))
    assert not WorkPicture.objects.exclude(marks=[]).exists()


def test_marks_come_from_first_registration_and_any_owner_can_enable_derived_search(
    inline: SyncRunner,
) -> None:
    data = encode_jpeg(textured(51))
    rows = [register(inline.services, owner(name), data) for name in ("studio", "rival")]
    Owner.objects.filter(slug="rival").update(derived=True)
    for row, marks in zip(rows, ([[0.0, 0.0, 0.5, 0.5]], []), strict=True):
        WorkPicture.objects.filter(work=row.work).update(marks=marks)
    picture = WorkPicture.objects.get(work=rows[0].work).picture
    registered_picture = RegisteredPicture(picture.digest, [[0.0, 0.0, 0.5, 0.5]], includes_derived=True)
    assert load_registered_pictures([picture.pk]) == {picture.pk: registered_picture}
    remove_work(rows[1].work, by="test")
    assert load_registered_pictures([picture.pk]) == {picture.pk: replace(registered_picture, includes_derived=False)}
    remove_work(rows[0].work, by="test")
    assert load_registered_pictures([picture.pk, 0]) == {
        picture.pk: replace(registered_picture, marks=[], includes_derived=False)
    }


@pytest.mark.long
def test_unrelated_picture_with_the_same_mark_opens_no_case(inline: SyncRunner) -> None:
    studio = owner("studio")
    for seed in (1, 2, 3):
        register(inline.services, studio, make_marked_copy(seed))
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(
        inline.services,
        record_sightings(inline.services, crawl_slice, epoch, [make_marked_copy(8), recompress(make_marked_copy(1))]),
    )
    assert [case.work.number for case in Case.objects.all()] == [1]
    assert not Match.objects.filter(decision="certain").exclude(registered__work_pictures__work__number=1).exists()
