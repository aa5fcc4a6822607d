"""Which works belong together, as each of them tells it, and which pictures are other exposures of one scene."""

import pytest
from django.db import IntegrityError, transaction

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import Relation
from registry.models import Owner, Picture, Work, WorkPicture, WorkRelation
from registry.works import relations
from registry.works.relations import related_to, siblings_of
from registry.works.works import Only, search
from tests.assets.rows import owner


def related(work: Work, other: Work, kind: Relation, in_place: float = 0.5) -> WorkRelation:
    figures = {"work_shown": 1.0, "other_shown": 0.4, "dense": 0.9, "in_place": in_place, "drift": 0.1}
    return WorkRelation.objects.create(work=work, other=other, kind=kind, noted_at=now(), **figures)


def works(of: Owner, *pictures: str) -> list[Work]:
    """Works of these pictures, by whatever words stand for their bytes."""
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
