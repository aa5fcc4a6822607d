"""Access to registered works for searches, and their stored features."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from django.db.models import QuerySet

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from exhibit.machine import machine_fault
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Relation, Verification
from indexer.picture.features import Features
from indexer.picture.spaces import PHASH
from indexer.search.candidates import Candidate
from indexer.search.derived import graded
from indexer.search.past import WorkQueries, work_queries
from indexer.search.search import compare_alone, find_works
from indexer.search.series import relation_of, told_apart
from indexer.votes.index import VoteIndex
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_descriptors, get_features, get_indexes
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works.marks import RegisteredPicture, registered, with_marks
from registry.works.models import WorkPicture, WorkRelation
from registry.works.relations import siblings_of


class RegisteredWorks:
    """The registered pictures by primary key, as of the last refresh; implements ``indexer.search.search.Works``.

    Contains those of all owners, or only those in ``among``.
    """

    def __init__(
        self,
        services: Services,
        among: QuerySet[WorkPicture] | None = None,
        beside: QuerySet[WorkPicture] | None = None,
        known: Mapping[int, RegisteredPicture] | None = None,
    ) -> None:
        self._services = services
        self._among = among
        self._beside = beside  # the only other works of a series considered; all if ``None``
        self._known = dict(known or {})
        self.damaged: dict[int, ExhibitError] = {}  # works whose features are unavailable, with the error

    @property
    def hashes(self) -> VectorIndex:
        """The hash index."""
        return get_indexes(self._services).of(Collection.WORKS, PHASH)

    @property
    def descriptors(self) -> VectorIndex:
        """The descriptor index."""
        return get_indexes(self._services).of(Collection.WORKS, get_descriptors(self._services).serving.space)

    @property
    def votes(self) -> VoteIndex:
        """The local feature index."""
        return get_indexes(self._services).votes

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Return the picture of each candidate's vector, by space and number."""
        owners = get_indexes(self._services).pictures(Collection.WORKS, candidates)
        if self._among is not None:
            among = set(self._among.filter(picture__in=owners.values()).values_list("picture", flat=True))
            owners = {key: picture for key, picture in owners.items() if picture in among}
        self._know(owners.values())
        return owners

    def features(self, work: int) -> Features | None:
        """Return the features of a registered picture; ``None`` if its files are damaged or missing."""
        try:
            return _features_of(self._services, self._known[work])
        except ExhibitError as error:
            if error.retry or machine_fault(error):  # a shared resource is missing
                raise
            self.damaged[work] = error
            return None

    def find(
        self, found: Features, load: Callable[[], bytes], hashed: Sequence[Candidate] | None = None
    ) -> list[tuple[int, Verification]]:
        """Search for one picture as ``indexer.search.search.find_works`` does, and distinguish works of a series."""
        searched = find_works(found, load, self, self._services.limits, hashed)
        return list(self._graded(found, self.told_apart(found, load, dict(searched))).items())

    def compare_alone(self, found: Features, work: int, features: Features) -> Verification:
        """Verify a pair found by a work's search of the past, with the same decision as a found picture's search."""

        def load() -> bytes:
            return self._services.blobs.get(found.digest)

        verification = compare_alone(found, load, features, self._services.limits)
        self._know([work])
        return self._graded(found, self.told_apart(found, load, {work: verification}))[work]

    def told_apart(
        self, found: Features, load: Callable[[], bytes], compared: dict[int, Verification]
    ) -> dict[int, Verification]:
        """Compare further works of the same series as well, and decide which of them the picture shows."""
        certain = [work for work, said in compared.items() if said.decision is Decision.CERTAIN]
        siblings = siblings_of(certain, self._beside) if certain else {}
        missing = set().union(*siblings.values()) - compared.keys()
        self._know(missing)
        for work in sorted(missing):
            if (features := self.features(work)) is not None:
                compared[work] = compare_alone(found, load, features, self._services.limits)
        return told_apart(compared, lambda work: siblings.get(work, ()))

    def _graded(self, found: Features, compared: dict[int, Verification]) -> dict[int, Verification]:
        """Add a grading of surviving parts, for works whose owners enabled derived works."""
        for work, verification in compared.items():
            if self._known[work].derived and not found.is_icon and (features := self.features(work)) is not None:
                compared[work] = graded(found, features, verification)
        return compared

    def _know(self, works: Iterable[int]) -> None:
        self._known |= registered(set(works) - self._known.keys())


def registered_features(services: Services, digest: Digest) -> Features:
    """Return the features of a registered picture, from the cache or computed from its bytes, with its marks."""
    (picture,) = registered(Picture.objects.filter(digest=digest).values_list("pk", flat=True)).values()
    return _features_of(services, picture)


def queries_of(services: Services, known: RegisteredPicture) -> tuple[WorkQueries, Features]:
    """Return a registered picture's queries for the search of all seen pictures, and its features."""
    features = _features_of(services, known)
    data, serving = services.blobs.get(features.digest), get_descriptors(services).serving
    return work_queries(data, features, serving, services.limits), features


def _features_of(services: Services, known: RegisteredPicture) -> Features:
    features = get_features(services).get(known.digest, lambda: services.blobs.get(known.digest))
    return with_marks(features, known.marks)


def note_relations(services: Services, row: WorkPicture, features: Features) -> int:
    """Search the owner's other works for a registered picture, and record its relations to them; return their number.

    The indexes of the works must be current. Idempotent. Flat works are skipped, because they all look alike. A picture
    of several works counts for the last one. The search uses all stored local features, because the quick ones would
    have to be computed first.
    """
    if features.is_flat:
        return 0
    living = WorkPicture.objects.filter(work__owner=row.work.owner_id, work__removed_at=None)
    others = living.exclude(work=row.work_id).exclude(picture=row.picture_id)
    works = RegisteredWorks(services, others)
    features = replace(features, later_quick=features.later_local)
    compared = find_works(features, partial(services.blobs.get, features.digest), works, services.limits)
    related = {
        picture: (kind, verification)
        for picture, verification in compared
        if (kind := relation_of(verification)) is not None
    }
    owned = dict(others.filter(picture__in=related).order_by("pk").values_list("picture", "work"))
    rows = [_row(row.work_id, work, *related[picture]) for picture, work in owned.items()]
    WorkRelation.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _row(work: int, other: int, kind: Relation, said: Verification) -> WorkRelation:
    shares_shown = said.overlap_picture, said.overlap_work
    if kind is Relation.PART and shares_shown[0] < shares_shown[1]:
        work, other, shares_shown = other, work, (shares_shown[1], shares_shown[0])
    measured = {"dense": said.dense, "in_place": said.in_place, "drift": said.drift}
    shares = {"work_shown": shares_shown[0], "other_shown": shares_shown[1]}
    return WorkRelation(work_id=work, other_id=other, kind=kind, noted_at=now(), **shares, **measured)
