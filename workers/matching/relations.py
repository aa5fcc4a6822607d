"""How a new work lies to the others of its owner: the same picture, a part, or another exposure of one scene."""

from collections.abc import Iterable, Mapping
from functools import partial

from exhibit.clock import now
from exhibit.types import Relation, Verification
from indexer.layout.information import COMPOSED
from indexer.picture.features import Features
from indexer.search.candidates import Candidate
from indexer.search.search import find_works
from indexer.search.series import relation_of
from registry.models import WorkPicture, WorkRelation
from workers.matching.registered_works import RegisteredWorks
from workers.services.wiring import Services


def note_relations(services: Services, row: WorkPicture, features: Features) -> int:
    """Search the owner's other works for a registered picture, and note what it is to those it shows; returns how many.

    The indexes of the works have to be fresh. Doing it twice notes the same. Plain works all look alike: nothing is
    noted of them.
    """
    if not COMPOSED.issuperset(features.low_information):
        return 0
    others = _OtherWorks(services, row)
    compared = find_works(features, partial(services.blobs.get, features.digest), others, services.limits)
    related = {picture: (kind, said) for picture, said in compared if (kind := relation_of(said)) is not None}
    works = others.works(related)
    rows = [_row(row.work_id, works[picture], *found) for picture, found in related.items() if picture in works]
    WorkRelation.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _row(work: int, other: int, kind: Relation, said: Verification) -> WorkRelation:
    shown = said.overlap_picture, said.overlap_work
    if kind is Relation.PART and shown[0] < shown[1]:
        work, other, shown = other, work, (shown[1], shown[0])
    return WorkRelation(
        work_id=work,
        other_id=other,
        kind=kind,
        work_shown=shown[0],
        other_shown=shown[1],
        dense=said.dense,
        in_place=said.in_place,
        drift=said.drift,
        noted_at=now(),
    )


class _OtherWorks(RegisteredWorks):
    """The registered pictures of a work's owner, less the work's own."""

    def __init__(self, services: Services, row: WorkPicture) -> None:
        super().__init__(services)
        living = WorkPicture.objects.filter(work__owner=row.work.owner_id, work__removed_at=None)
        self._others = living.exclude(work=row.work_id).exclude(picture=row.picture_id)

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Whose vector each candidate is, by space and number, where it is one of the others'."""
        every = super().owners(candidates)
        theirs = self.works(every.values())
        return {key: picture for key, picture in every.items() if picture in theirs}

    def works(self, pictures: Iterable[int]) -> dict[int, int]:
        """The work of each of the pictures that is one of the others'; of several the last one."""
        rows = self._others.filter(picture__in=list(pictures)).order_by("pk")
        return dict(rows.values_list("picture", "work"))
