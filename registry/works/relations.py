"""Relations between works of one owner: the same picture, a part of another, or exposures of one scene."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from exhibit.types import Relation
from registry.works.models import Work, WorkPicture, WorkRelation

MAX_SIBLINGS = 12
"""Maximum number of works in a series to compare with a found picture: those that align best."""
WHOLE_OF = "whole-of"
"""Relation of a work to its part."""


@dataclass(frozen=True, slots=True)
class RelatedWork:
    """Another work, and the relation of a work to it."""

    work: Work
    kind: str  # ``duplicate``, ``part-of``, ``whole-of`` or ``series``
    shown: float  # fraction of the part that the whole shows; if neither is a part, of the work's picture


def list_active_relations() -> QuerySet[WorkRelation]:
    """Return the relations between works that are not removed."""
    return WorkRelation.objects.filter(work__removed_at=None, other__removed_at=None)


def list_related(work: Work) -> list[RelatedWork]:
    """Return the works related to a work, by number."""
    rows = list_active_relations().filter(Q(work=work) | Q(other=work)).select_related("work", "other")
    return sorted((_to_related_work(work, row) for row in rows), key=lambda related: related.work.number)


def find_siblings(pictures: Iterable[int], candidates: QuerySet[WorkPicture] | None = None) -> dict[int, list[int]]:
    """Return pictures of other exposures of the same scene for each registered picture, by primary key.

    The first registration of a picture applies, so that a later one cannot change its siblings. With ``candidates``,
    only these pictures are considered.
    """
    registered_pictures = WorkPicture.objects.filter(work__removed_at=None) if candidates is None else candidates
    first_registrations = registered_pictures.filter(picture__in=list(pictures)).order_by(
        "picture", "work__registered_at", "pk"
    )
    works = dict(first_registrations.distinct("picture").values_list("picture", "work"))
    involves_works = Q(work__in=works.values()) | Q(other__in=works.values())
    pairs = list_active_relations().filter(involves_works, kind=Relation.SERIES).order_by("-in_place", "pk")
    related_works: dict[int, list[int]] = defaultdict(list)
    for work, other_work in pairs.values_list("work", "other"):
        related_works[work].append(other_work)
        related_works[other_work].append(work)
    nearest_works = {work: related_works[work][:MAX_SIBLINGS] for work in works.values()}
    pictures_by_work: dict[int, list[int]] = defaultdict(list)
    for work, picture in registered_pictures.filter(work__in=set().union(*nearest_works.values())).values_list(
        "work", "picture"
    ):
        pictures_by_work[work].append(picture)
    return {
        picture: [
            sibling
            for other_work in nearest_works[work]
            for sibling in pictures_by_work[other_work]
            if sibling != picture
        ]
        for picture, work in works.items()
    }


def _to_related_work(work: Work, row: WorkRelation) -> RelatedWork:
    if row.work_id == work.pk:
        return RelatedWork(row.other, row.kind, row.work_shown)
    if row.kind == Relation.PART:
        return RelatedWork(row.work, WHOLE_OF, row.work_shown)
    return RelatedWork(row.work, row.kind, row.other_shown)
