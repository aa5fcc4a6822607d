"""Access to registered works for searches, and their stored features."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from django.db.models import QuerySet

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from exhibit.machine import describe_machine_fault
from exhibit.ports import VectorIndex
from exhibit.types import Decision, Relation, Verification
from indexer.picture.features import Features
from indexer.picture.spaces import PHASH
from indexer.search.adaptations import add_survival
from indexer.search.candidates import Candidate
from indexer.search.comparison import compare_pair
from indexer.search.search import find_works
from indexer.search.seen_pictures import WorkQueries, create_work_queries
from indexer.search.series import derive_relation, downgrade_ambiguous_matches
from indexer.votes.index import VoteIndex
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.ports import get_descriptors, get_features, get_indexes
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works.marks import RegisteredPicture, add_marks, load_registered_pictures
from registry.works.models import WorkPicture, WorkRelation
from registry.works.relations import find_siblings


class RegisteredWorks:
    """Registered pictures by primary key, as of the last refresh. Implements ``indexer.search.search.Works``.

    Contains those of all owners, or only those in ``subset``.
    """

    def __init__(
        self,
        services: Services,
        subset: QuerySet[WorkPicture] | None = None,
        series_works: QuerySet[WorkPicture] | None = None,
        registered_pictures: Mapping[int, RegisteredPicture] | None = None,
    ) -> None:
        self._services = services
        self._subset = subset
        self._series_works = series_works  # works considered as part of a series; all if ``None``
        self._registered_pictures = dict(registered_pictures or {})
        self.errors_by_work: dict[int, ExhibitError] = {}  # errors of works whose features are unavailable

    @property
    def hashes(self) -> VectorIndex:
        """The hash index."""
        return get_indexes(self._services).get_index(Collection.WORKS, PHASH)

    @property
    def descriptors(self) -> VectorIndex:
        """The descriptor index."""
        return get_indexes(self._services).get_index(Collection.WORKS, get_descriptors(self._services).serving.space)

    @property
    def votes(self) -> VoteIndex:
        """The local feature index."""
        return get_indexes(self._services).votes

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Return the picture of each candidate's vector, by space and number."""
        owners = get_indexes(self._services).map_pictures(Collection.WORKS, candidates)
        if self._subset is not None:
            allowed_pictures = set(self._subset.filter(picture__in=owners.values()).values_list("picture", flat=True))
            owners = {key: picture for key, picture in owners.items() if picture in allowed_pictures}
        self._load_pictures(owners.values())
        return owners

    def features(self, work: int) -> Features | None:
        """Return the features of a registered picture; ``None`` if its files are damaged or missing."""
        try:
            return _load_features(self._services, self._registered_pictures[work])
        except ExhibitError as error:
            if error.retry or describe_machine_fault(error):  # a shared resource is unavailable
                raise
            self.errors_by_work[work] = error
            return None

    def find(
        self, found_features: Features, load: Callable[[], bytes], hashed: Sequence[Candidate] | None = None
    ) -> list[tuple[int, Verification]]:
        """Search for a picture as ``indexer.search.search.find_works`` does, and distinguish works of a series."""
        verifications = find_works(found_features, load, self, self._services.limits, hashed)
        return list(
            self._grade_survival(found_features, self.resolve_series(found_features, load, dict(verifications))).items()
        )

    def compare_pair(self, found: Features, work: int, features: Features) -> Verification:
        """Verify a pair from the search of seen pictures, with the same decision as a search for the found picture."""

        def load() -> bytes:
            return self._services.blobs.get(found.digest)

        verification = compare_pair(found, load, features, self._services.limits)
        self._load_pictures([work])
        return self._grade_survival(found, self.resolve_series(found, load, {work: verification}))[work]

    def resolve_series(
        self, found_features: Features, load: Callable[[], bytes], verifications: dict[int, Verification]
    ) -> dict[int, Verification]:
        """Compare further works of the same series, and decide which of them the picture shows."""
        certain_works = [
            work for work, verification in verifications.items() if verification.decision is Decision.CERTAIN
        ]
        siblings = find_siblings(certain_works, self._series_works) if certain_works else {}
        missing_works = set().union(*siblings.values()) - verifications.keys()
        self._load_pictures(missing_works)
        for work in sorted(missing_works):
            if (features := self.features(work)) is not None:
                verifications[work] = compare_pair(found_features, load, features, self._services.limits)
        return downgrade_ambiguous_matches(verifications, lambda work: siblings.get(work, ()))

    def _grade_survival(
        self, found_features: Features, verifications: dict[int, Verification]
    ) -> dict[int, Verification]:
        """Grade how well each part of the works survives in the picture, for owners who enabled derived works."""
        for work, verification in verifications.items():
            if (
                self._registered_pictures[work].includes_derived
                and not found_features.is_icon
                and (features := self.features(work)) is not None
            ):
                verifications[work] = add_survival(found_features, features, verification)
        return verifications

    def _load_pictures(self, works: Iterable[int]) -> None:
        self._registered_pictures |= load_registered_pictures(set(works) - self._registered_pictures.keys())


def load_registered_features(services: Services, digest: Digest) -> Features:
    """Return the features of a registered picture, from the cache or computed from its bytes, with its marks."""
    (picture,) = load_registered_pictures(Picture.objects.filter(digest=digest).values_list("pk", flat=True)).values()
    return _load_features(services, picture)


def make_queries(services: Services, picture: RegisteredPicture) -> tuple[WorkQueries, Features]:
    """Return a registered picture's queries for the search of all seen pictures, and the picture's features."""
    features = _load_features(services, picture)
    data, serving = services.blobs.get(features.digest), get_descriptors(services).serving
    return create_work_queries(data, features, serving, services.limits), features


def _load_features(services: Services, picture: RegisteredPicture) -> Features:
    features = get_features(services).get(picture.digest, lambda: services.blobs.get(picture.digest))
    return add_marks(features, picture.marks)


def record_relations(services: Services, row: WorkPicture, features: Features) -> int:
    """Search the owner's other works for a registered picture, and record its relations to them; return their number.

    The indexes of the works must be up to date. Idempotent. Flat pictures are skipped, because they all look alike.
    A picture that belongs to several works counts for the last of them.
    """
    if features.is_flat:
        return 0
    active_pictures = WorkPicture.objects.filter(work__owner=row.work.owner_id, work__removed_at=None)
    other_pictures = active_pictures.exclude(work=row.work_id).exclude(picture=row.picture_id)
    works = RegisteredWorks(services, other_pictures)
    results = find_works(features, partial(services.blobs.get, features.digest), works, services.limits)
    relations_by_picture = {
        picture: (kind, verification)
        for picture, verification in results
        if (kind := derive_relation(verification)) is not None
    }
    work_by_picture = dict(
        other_pictures.filter(picture__in=relations_by_picture).order_by("pk").values_list("picture", "work")
    )
    rows = [
        _to_relation(row.work_id, work, *relations_by_picture[picture]) for picture, work in work_by_picture.items()
    ]
    WorkRelation.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _to_relation(work: int, other_work: int, kind: Relation, verification: Verification) -> WorkRelation:
    shown_fractions = verification.overlap_picture, verification.overlap_work
    if kind is Relation.PART and shown_fractions[0] < shown_fractions[1]:
        work, other_work, shown_fractions = other_work, work, (shown_fractions[1], shown_fractions[0])
    measurements = {"dense": verification.dense, "in_place": verification.in_place, "drift": verification.drift}
    fraction_columns = {"work_shown": shown_fractions[0], "other_shown": shown_fractions[1]}
    return WorkRelation(
        work_id=work, other_id=other_work, kind=kind, noted_at=now(), **fraction_columns, **measurements
    )
