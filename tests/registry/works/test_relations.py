"""Test relations between works, shown for both works, and series of exposures of one scene."""

import pytest
from django.db import IntegrityError, transaction
from PIL import Image

from desk.schemas.works import WorkDetails
from desk.texts.past_searches import RELATION_SENTENCES
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Relation
from registry.cases.work_search import WorkListFilter, search_works
from registry.matches.identify import identify_picture
from registry.matches.match import match_pictures
from registry.models import Case, Match, Owner, Picture, Work, WorkPicture, WorkRelation
from registry.works import relations
from registry.works.registration import remove_work
from registry.works.relations import find_siblings, list_related
from tests.assets.exposures import exposure
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, recompress, record_sightings, register
from tests.assets.textured import textured
from workers.tasks.sync_runner import SyncRunner


def add_relation(work: Work, other: Work, kind: Relation, in_place: float = 0.5) -> WorkRelation:
    measurements = {"work_shown": 1.0, "other_shown": 0.4, "dense": 0.9, "in_place": in_place, "drift": 0.1}
    return WorkRelation.objects.create(work=work, other=other, kind=kind, noted_at=now(), **measurements)


def make_works(rights_holder: Owner, *pictures: str) -> list[Work]:
    """Create one work for each name, which stands in for the bytes of the work's image."""
    new_works = []
    for number, name in enumerate(pictures, rights_holder.works.count() + 1):
        work = Work.objects.create(owner=rights_holder, number=number, title=f"Work {number}", registered_at=now())
        picture, _ = Picture.objects.get_or_create(
            digest=Digest.from_bytes(name.encode()), defaults={"size": 1, "first_seen": now()}
        )
        WorkPicture.objects.create(work=work, picture=picture)
        new_works.append(work)
    return new_works


def get_picture_pk(work: Work) -> int:
    return work.work_pictures.get().picture_id


def test_related_works_show_both_directions(db: None) -> None:
    whole, part, twin = make_works(owner("studio"), "whole", "part", "twin")
    add_relation(part, whole, Relation.PART)
    add_relation(twin, whole, Relation.DUPLICATE)
    assert [(other.work, other.kind, other.shown) for other in list_related(whole)] == [
        (part, "whole-of", 1.0),
        (twin, "duplicate", 0.4),
    ]
    assert [(other.work, other.kind, other.shown) for other in list_related(part)] == [(whole, "part-of", 1.0)]
    part.removed_at = now()
    part.save()
    assert [other.work for other in list_related(whole)] == [twin]
    assert [work.number for work in search_works(whole.owner, work_filter=WorkListFilter.WITH_RELATED_WORKS)] == [3, 1]


def test_relation_is_unique_in_either_direction(db: None) -> None:
    first, second = make_works(owner("studio"), "first", "second")
    add_relation(first, second, Relation.SERIES)
    with pytest.raises(IntegrityError), transaction.atomic():
        add_relation(second, first, Relation.PART)


def test_siblings_of_a_series_are_sorted_by_similarity(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third, twin = make_works(owner("studio"), "first", "second", "third", "twin")
    add_relation(second, first, Relation.SERIES, in_place=0.4)
    add_relation(third, first, Relation.SERIES, in_place=0.8)
    add_relation(twin, first, Relation.DUPLICATE)
    assert find_siblings([get_picture_pk(first), get_picture_pk(twin)]) == {
        get_picture_pk(first): [get_picture_pk(third), get_picture_pk(second)],
        get_picture_pk(twin): [],
    }
    monkeypatch.setattr(relations, "MAX_SIBLINGS", 1)
    assert find_siblings([get_picture_pk(first)]) == {get_picture_pk(first): [get_picture_pk(third)]}


def test_later_registration_adds_no_siblings_to_earlier_owner(db: None) -> None:
    (first,) = make_works(owner("studio"), "first")
    duplicate, other = make_works(owner("rival"), "first", "other")
    add_relation(other, duplicate, Relation.SERIES)
    assert find_siblings([get_picture_pk(first), get_picture_pk(other)]) == {
        get_picture_pk(first): [],
        get_picture_pk(other): [get_picture_pk(first)],
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
    assert relation.sentence == str(RELATION_SENTENCES["part-of"])


@pytest.mark.long
def test_copy_of_one_exposure_is_certain_for_that_work_and_needs_review_for_sibling(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(0), exposure(1))
    crawl_picture(inline, studio, recompress(exposure(1)))
    assert list_decisions() == {"Work 1": "review", "Work 2": "certain"}
    match = Match.objects.get(decision="review")
    assert (match.reasons[-1], match.probability) == ("series", None)
    assert Case.objects.count() == 2


@pytest.mark.long
def test_match_of_a_single_exposure_is_certain(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(0))
    crawl_picture(inline, studio, recompress(exposure(1)))
    assert list_decisions() == {"Work 1": "certain"}


@pytest.mark.long
def test_match_with_a_sibling_registered_later_needs_review(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(1))
    crawl_picture(inline, studio, recompress(exposure(1)))
    register(inline.services, studio, exposure(0), "Work 2")
    inline.run_until_idle()
    assert list_decisions() == {"Work 1": "certain", "Work 2": "review"}


@pytest.mark.long
def test_identify_returns_the_same_decisions_as_a_crawl(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(0), exposure(1))
    answer = identify_picture(inline.services, studio, recompress(exposure(1)))
    assert [(match.work.number, str(match.verification.decision)) for match in answer.works] == [
        (2, "certain"),
        (1, "review"),
    ]


@pytest.mark.long
def test_works_of_other_owners_removed_works_and_flat_works_are_not_siblings(inline: SyncRunner) -> None:
    studio, rival = owner("studio"), owner("rival")
    register_files(inline, studio, exposure(0), exposure(2))
    register_files(inline, rival, exposure(0), exposure(1))  # the rival's registrations do not affect the studio's
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
def test_identical_bytes_identify_the_exposure(inline: SyncRunner) -> None:
    studio = owner("studio")
    register_files(inline, studio, exposure(0), exposure(1))
    crawl_picture(inline, studio, exposure(1))
    assert list_decisions() == {"Work 1": "review", "Work 2": "certain"}
