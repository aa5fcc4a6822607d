"""Test which works belong together, from each one's view, and which images are other exposures of one scene."""

import pytest
from django.db import IntegrityError, transaction
from PIL import Image

from desk.schemas.works import WorkDetails
from desk.texts.past import RELATIONS
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Relation
from registry.cases.work_search import Only, search
from registry.matches.identify import identify
from registry.matches.match import match_pictures
from registry.models import Case, Match, Owner, Picture, Work, WorkPicture, WorkRelation
from registry.works import relations
from registry.works.registration import remove_work
from registry.works.relations import related_to, siblings_of
from tests.assets.exposures import exposure
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, register
from tests.assets.textured import textured
from workers.tasks.sync_runner import SyncRunner


def related(work: Work, other: Work, kind: Relation, in_place: float = 0.5) -> WorkRelation:
    figures = {"work_shown": 1.0, "other_shown": 0.4, "dense": 0.9, "in_place": in_place, "drift": 0.1}
    return WorkRelation.objects.create(work=work, other=other, kind=kind, noted_at=now(), **figures)


def works(of: Owner, *pictures: str) -> list[Work]:
    """Create works of these images, named by any words that stand for their bytes."""
    made = []
    for number, name in enumerate(pictures, of.works.count() + 1):
        work = Work.objects.create(owner=of, number=number, title=f"Work {number}", registered_at=now())
        picture, _ = Picture.objects.get_or_create(
            digest=Digest.of(name.encode()), defaults={"size": 1, "first_seen": now()}
        )
        WorkPicture.objects.create(work=work, picture=picture)
        made.append(work)
    return made


def picture_of(work: Work) -> int:
    return work.work_pictures.get().picture_id


def test_each_of_two_works_tells_what_it_is_to_the_other(db: None) -> None:
    whole, part, twin = works(owner("studio"), "whole", "part", "twin")
    related(part, whole, Relation.PART)
    related(twin, whole, Relation.DUPLICATE)
    assert [(other.work, other.kind, other.shown) for other in related_to(whole)] == [
        (part, "whole-of", 1.0),
        (twin, "duplicate", 0.4),
    ]
    assert [(other.work, other.kind, other.shown) for other in related_to(part)] == [(whole, "part-of", 1.0)]
    part.removed_at = now()
    part.save()
    assert [other.work for other in related_to(whole)] == [twin]
    assert [work.number for work in search(whole.owner, only=Only.RELATED)] == [3, 1]


def test_a_pair_is_noted_once_whichever_of_the_two_is_named_first(db: None) -> None:
    first, second = works(owner("studio"), "first", "second")
    related(first, second, Relation.SERIES)
    with pytest.raises(IntegrityError), transaction.atomic():
        related(second, first, Relation.PART)


def test_siblings_are_those_of_a_series_the_nearest_first(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third, twin = works(owner("studio"), "first", "second", "third", "twin")
    related(second, first, Relation.SERIES, in_place=0.4)
    related(third, first, Relation.SERIES, in_place=0.8)
    related(twin, first, Relation.DUPLICATE)
    assert siblings_of([picture_of(first), picture_of(twin)]) == {
        picture_of(first): [picture_of(third), picture_of(second)],
        picture_of(twin): [],
    }
    monkeypatch.setattr(relations, "MAX_SIBLINGS", 1)
    assert siblings_of([picture_of(first)]) == {picture_of(first): [picture_of(third)]}


def test_whoever_registers_a_picture_later_gives_it_no_siblings(db: None) -> None:
    (first,) = works(owner("studio"), "first")
    again, other = works(owner("rival"), "first", "other")
    related(other, again, Relation.SERIES)
    assert siblings_of([picture_of(first), picture_of(other)]) == {
        picture_of(first): [],
        picture_of(other): [picture_of(first)],
    }


def registered(inline: SyncRunner, studio: Owner, *files: bytes) -> None:
    for number, data in enumerate(files, 1):
        register(inline.services, studio, data, f"Work {number}")
    inline.run_until_idle()


def told(studio: Owner) -> dict[int, list[tuple[int, str]]]:
    works = [WorkDetails.from_row(work) for work in studio.works.order_by("number")]
    return {work.number: [(other.work, other.kind) for other in work.relations] for work in works}


def decisions() -> dict[str, str]:
    rows = Match.objects.filter(registered__work_pictures__work__owner__slug="studio")
    return dict(rows.values_list("registered__work_pictures__work__title", "decision"))


def see(inline: SyncRunner, studio: Owner, data: bytes) -> None:
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [data]))


@pytest.mark.long
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
    shown = WorkDetails.from_row(studio.works.get(number=2)).relations[0]
    assert shown.overlap > 0.9
    assert shown.sentence == str(RELATIONS["part-of"])


@pytest.mark.long
def test_of_a_series_the_exposure_that_was_copied_is_certain_and_the_other_left_to_a_person(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(0), exposure(1))
    see(inline, studio, copy_of(exposure(1)))
    assert decisions() == {"Work 1": "review", "Work 2": "certain"}
    held = Match.objects.get(decision="review")
    assert (held.reasons[-1], held.probability) == ("series", None)
    assert Case.objects.count() == 2


@pytest.mark.long
def test_without_the_other_exposure_nothing_changes(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(0))
    see(inline, studio, copy_of(exposure(1)))
    assert decisions() == {"Work 1": "certain"}


@pytest.mark.long
def test_a_new_work_of_a_series_leaves_what_was_seen_before_to_the_exposure_that_was_copied(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(1))
    see(inline, studio, copy_of(exposure(1)))
    register(inline.services, studio, exposure(0), "Work 2")
    inline.run_until_idle()
    assert decisions() == {"Work 1": "certain", "Work 2": "review"}


@pytest.mark.long
def test_whoever_asks_which_work_a_picture_shows_is_told_the_same(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(0), exposure(1))
    answer = identify(inline.services, studio, copy_of(exposure(1)))
    assert [(found.work.number, str(found.verification.decision)) for found in answer.works] == [
        (2, "certain"),
        (1, "review"),
    ]


@pytest.mark.long
def test_works_of_others_removed_ones_and_plain_ones_are_no_siblings(inline: SyncRunner) -> None:
    studio, rival = owner("studio"), owner("rival")
    registered(inline, studio, exposure(0), exposure(2))
    registered(inline, rival, exposure(0), exposure(1))  # the rival's registrations take nothing from the first
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


@pytest.mark.long
def test_a_picture_with_the_bytes_of_one_exposure_is_that_one(inline: SyncRunner) -> None:
    studio = owner("studio")
    registered(inline, studio, exposure(0), exposure(1))
    see(inline, studio, exposure(1))
    assert decisions() == {"Work 1": "review", "Work 2": "certain"}
