"""How a new work lies to the others of its owner: the same picture, a part, or another exposure of one scene."""

from functools import partial

from exhibit.clock import now
from exhibit.types import Relation, Verification
from indexer.picture.features import Features
from indexer.search.search import find_works
from indexer.search.series import relation_of
from registry.models import WorkPicture, WorkRelation
from workers.matching.registered_works import RegisteredWorks
from workers.services.wiring import Services


def note_relations(services: Services, row: WorkPicture, features: Features) -> int:
    """Search the owner's other works for a registered picture, and note what it is to those it shows; returns how many.

    The indexes of the works have to be fresh. Doing it twice notes the same. Plain works all look alike: nothing is
    noted of them. A picture of several works counts as the last one's.
    """
    if features.too_plain:
        return 0
    living = WorkPicture.objects.filter(work__owner=row.work.owner_id, work__removed_at=None)
    others = living.exclude(work=row.work_id).exclude(picture=row.picture_id)
    works = RegisteredWorks(services, others)
    compared = find_works(features, partial(services.blobs.get, features.digest), works, services.limits)
    related = {picture: (kind, said) for picture, said in compared if (kind := relation_of(said)) is not None}
    owned = dict(others.filter(picture__in=related).order_by("pk").values_list("picture", "work"))
    rows = [_row(row.work_id, work, *related[picture]) for picture, work in owned.items()]
    WorkRelation.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _row(work: int, other: int, kind: Relation, said: Verification) -> WorkRelation:
    shown = said.overlap_picture, said.overlap_work
    if kind is Relation.PART and shown[0] < shown[1]:
        work, other, shown = other, work, (shown[1], shown[0])
    measured = {"dense": said.dense, "in_place": said.in_place, "drift": said.drift}
    shares = {"work_shown": shown[0], "other_shown": shown[1]}
    return WorkRelation(work_id=work, other_id=other, kind=kind, noted_at=now(), **shares, **measured)
