"""Test which works belong together, from each one's view, and which images are other exposures of one scene."""

import pytest
from django.db import IntegrityError, transaction
from PIL import Image

from desk.schemas.works import WorkDetails
from desk.texts.past_searches import RELATIONS
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Relation
from registry.cases.work_search import Only, search_works
from registry.matches.identify import identify
from registry.matches.match import match_pictures
from registry.models import Case, Match, Owner, Picture, Work, WorkPicture, WorkRelation
from registry.works import relations
from registry.works.registration import remove_work
from registry.works.relations import find_siblings, list_related
from tests.assets.exposures import exposure
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, recompress, record_sightings, register
from tests.assets.textured import textured
from workers.tasks.sync_runner import SyncRunner


def relate(work: Work, other: Work, kind: Relation, in_place: float = 0.5) -> WorkRelation:
    figures = {"work_shown": 1.0, "other_shown": 0.4, "dense": 0.9, "in_place": in_place, "drift": 0.1}
    return WorkRelation.objects.create(work=work, other=other, kind=kind, noted_at=now(), **figures)


def make_works(rights_holder: Owner, *pictures: str) -> list[Work]:
    """Create works of these images, named by any words that stand for their bytes."""
    new_works = []
    for number, name in enumerate(pictures, rights_holder.works.count() + 1):
        work = Work.objects.create(owner=rights_holder, number=number, title=f"Work {number}", registered_at=now())
        picture, _ = Picture.objects.get_or_create(
            digest=Digest.of(name.encode()), defaults={"size": 1, "first_seen": now()}
        )
        WorkPicture.objects.create(work=work, picture=picture)
        new_works.append(work)
    return new_works


def picture_pk(work: Work) -> int:
    return work.work_pictures.get().picture_id


def test_related_works_show_both_directions(db: None) -> None:
    whole, part, twin = make_works(owner("studio"), "whole", "part", "twin")
    relate(part, whole, Relation.PART)
    relate(twin, whole, Relation.DUPLICATE)
    assert [(other.work, other.kind, other.shown) for other in list_related(whole)] == [
        (part, "whole-of", 1.0),
        (twin, "duplicate", 0.4),
    ]
    assert [(other.work, other.kind, other.shown) for other in list_related(part)] == [(whole, "part-of", 1.0)]
    part.removed_at = now()
    part.save()
    assert [other.work for other in list_related(whole)] == [twin]
    assert [work.number for work in search_works(whole.owner, only=Only.RELATED)] == [3, 1]


def test_a_pair_is_noted_once_whichever_of_the_two_is_named_first(db: None) -> None:
    first, second = make_works(owner("studio"), "first", "second")
    relate(first, second, Relation.SERIES)
    with pytest.raises(IntegrityError), transaction.atomic():
        relate(second, first, Relation.PART)


def test_siblings_are_those_of_a_series_the_nearest_first(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third, twin = make_works(owner("studio"), "first", "second", "third", "twin")
    relate(second, first, Relation.SERIES, in_place=0.4)
    relate(third, first, Relation.SERIES, in_place=0.8)
    relate(twin, first, Relation.DUPLICATE)
    assert find_siblings([picture_pk(first), picture_pk(twin)]) == {
        picture_pk(first): [picture_pk(third), picture_pk(second)],
        picture_pk(twin): [],
    }
    monkeypatch.setattr(relations, "MAX_SIBLINGS", 1)
    assert find_siblings([picture_pk(first)]) == {picture_pk(first): [picture_pk(third)]}


def test_whoever_registers_a_picture_later_gives_it_no_siblings(db: None) -> None:
    (first,) = make_works(owner("studio"), "first")
    duplicate, other = make_works(owner("rival"), "first", "other")
    relate(other, duplicate, Relation.SERIES)
    assert find_siblings([picture_pk(first), picture_pk(other)]) == {
        picture_pk(first): [],
        picture_pk(other): [picture_pk(first)],
    }


def register_files(inline: SyncRunner, studio: Owner, *files: bytes) -> None:
    for number, data in enumerate(files, 1):
        register(inline.services, studio, data, f"Work {number}")
    inline.run_until_idle()


def list_relations(studio: Owner) -> dict[int, list[tuple[int, str]]]:
    works = [WorkDetails.from_row(work) for work in studio.works.order_by("number")]
    return {work.number: [(other.work, other.kind) for other in work.relations] for work in works}


def list_decisions() -> dict[str, str]:
    rows = Match.objects.filter(registered__work_pictures__work__owner__slug="studio")
    return dict(rows.values_list("registered__work_pictures__work__title", "decision"))


def crawl_picture(inline: SyncRunner, studio: Owner, data: bytes) -> None:
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [data]))


@pytest.mark.long
def test_duplicates_parts_and_series_are_shown_for_both_works(inline: SyncRunner) -> None:
    studio, whole = owner("studio"), textured(4)
    part = encode_jpeg(whole.crop((40, 30, 400, 320)))
    register_files(
        inline,
        studio,
        encode_jpeg(whole),
        part,
        encode_jpeg(whole, 70),
        encode_jpeg(textured(9)),
        exposure(0),
        exposure(1),
    )
    assert list_relations(studio) == {
        1: [(2, "whole-of"), (3, "duplicate")],
        2: [(1, "part-of"), (3, "part-of")],
        3: [(1, "duplicate"), (2, "whole-of")],
        4: [],
        5: [(6, "series")],
        6: [(5, "series")],
    }
    relation = WorkDetails.from_row(studio.works.get(number=2)).relations[0]
    assert relation.overlap > 0.9
    assert relation.sentence == str(RELATIONS["part-of"])


@pytest.mark.long
def test_of_a_series_the_exposure_that_was_copied_is_certain_and_the_other_left_to_a_person(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(0), exposure(1))
    crawl_picture(inline, studio, recompress(exposure(1)))
    assert list_decisions() == {"Work 1": "review", "Work 2": "certain"}
    match = Match.objects.get(decision="review")
    assert (match.reasons[-1], match.probability) == ("series", None)
    assert Case.objects.count() == 2


@pytest.mark.long
def test_without_the_other_exposure_nothing_changes(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(0))
    crawl_picture(inline, studio, recompress(exposure(1)))
    assert list_decisions() == {"Work 1": "certain"}


@pytest.mark.long
def test_a_new_work_of_a_series_leaves_what_was_seen_before_to_the_exposure_that_was_copied(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(1))
    crawl_picture(inline, studio, recompress(exposure(1)))
    register(inline.services, studio, exposure(0), "Work 2")
    inline.run_until_idle()
    assert list_decisions() == {"Work 1": "certain", "Work 2": "review"}


@pytest.mark.long
def test_identify_returns_the_same_relations(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(0), exposure(1))
    answer = identify(inline.services, studio, recompress(exposure(1)))
    assert [(match.work.number, str(match.verification.decision)) for match in answer.works] == [
        (2, "certain"),
        (1, "review"),
    ]


@pytest.mark.long
def test_works_of_others_removed_ones_and_plain_ones_are_no_siblings(inline: SyncRunner) -> None:
    studio, rival = owner("studio"), owner("rival")
    register_files(inline, studio, exposure(0), exposure(2))
    register_files(inline, rival, exposure(0), exposure(1))  # the rival's registrations take nothing from the first
    first = studio.works.get(number=1)
    (picture,) = first.pictures.values_list("pk", flat=True)
    assert find_siblings([picture]) == {picture: list(studio.works.get(number=2).pictures.values_list("pk", flat=True))}
    remove_work(studio.works.get(number=2), by="test")
    assert find_siblings([picture]) == {picture: []}
    assert list_relations(studio)[1] == []
    plain = [encode_jpeg(Image.new("RGB", (320, 240), colour)) for colour in ("white", "snow")]
    before = WorkRelation.objects.count()
    register_files(inline, studio, *plain)
    assert WorkRelation.objects.count() == before


@pytest.mark.long
def test_a_picture_with_the_bytes_of_one_exposure_is_that_one(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(0), exposure(1))
    crawl_picture(inline, studio, exposure(1))
    assert list_decisions() == {"Work 1": "review", "Work 2": "certain"}
