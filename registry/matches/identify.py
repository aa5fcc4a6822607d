"""Search for the works of an owner that a picture shows. The picture is not stored."""

import time
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import requests
from django.db.models import QuerySet
from numpy.typing import NDArray

from exhibit.comparison.calibration import Calibration, calibrated
from exhibit.comparison.derived import DERIVED
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.addresses import host_of
from exhibit.network.http import guarded_session, read_limited
from exhibit.ports import VectorIndex
from exhibit.sentences import Sentence
from exhibit.types import Decision, Hit, Verification
from indexer.draw.pair import Pair
from indexer.picture.features import Features, extract
from indexer.picture.spaces import ROOTSIFT
from indexer.votes.index import VoteIndex
from registry.accounts.models import Owner
from registry.crawls.crawling import is_denied
from registry.fingerprints.fingerprints import Collection, additions
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches.calibrations import get_active
from registry.matches.registered_works import RegisteredWorks
from registry.pictures.models import Picture
from registry.pictures.provenance import FileStatement, read_statements
from registry.services.services import Services
from registry.works.models import Work, WorkPicture
from registry.works.published_copies import PublishedCopy, find_marked_copies, find_signed_copies
from registry.works.registration_proofs import Registration, get_registration

MAX_SECONDS = 30.0  # after this time, a search starts no more comparisons
GROWTH_FACTOR = 8  # factor for requesting more hits when other owners' works precede the owner's own


@dataclass(frozen=True)
class FoundWork:
    """A work that the picture shows, or may show; the submitted picture was verified in the role of the found one."""

    work: Work
    picture: Picture
    verification: Verification
    calibration: Calibration | None  # calibration of its probability

    @cached_property
    def log(self) -> Registration | None:
        """The log's record of its registration."""
        return get_registration(self.work)


@dataclass(frozen=True, slots=True)
class Identification:
    """The result for one picture; the most certain works come first."""

    features: Features
    works: tuple[FoundWork, ...]
    said: FileStatement  # the file's own metadata
    copies: tuple[PublishedCopy, ...]  # owner's copies it is identical to, by bytes or by an embedded mark
    marks: int  # number of marks searched for; 0 if no copy of the works found was marked


def identify(services: Services, owner: Owner, data: bytes) -> Identification:
    """Search an owner's works for one picture, as for crawled pictures; other owners' works are not disclosed.

    Raises:
        UnreadablePictureError: The picture cannot be decoded.
        IntegrityError: An index or a registered picture is damaged.
        ServiceMissingError: The search takes too long.
    """
    get_descriptors(services).refresh()
    features = extract(data, services.limits, descriptor=get_descriptors(services).serving)
    get_indexes(services).refresh(Collection.WORKS)
    own = WorksSubset(services, list_pictures(owner))
    results = own.find(features, lambda: data)
    for damage in own.damaged.values():
        raise damage
    verifications = {picture: verification for picture, verification in results if _is_reported(owner, verification)}
    rows = list_pictures(owner).filter(picture__in=verifications).select_related("work", "picture")
    works = []
    for row in rows:
        calibration = get_active(verifications[row.picture_id].pipeline)
        verification = calibrated(verifications[row.picture_id], calibration)
        works.append(FoundWork(row.work, row.picture, verification, calibration))
    statement = read_statements(services, data, features.info.format)
    pairs = {found_work.picture.digest.hex: partial(make_pair, services, found_work, data) for found_work in works}
    marks, marked = find_marked_copies(owner, pairs)
    return Identification(
        features,
        tuple(sorted(works, key=_sort_key)),
        statement,
        (*find_signed_copies(owner, features.digest), *marked),
        marks,
    )


def _is_reported(owner: Owner, verification: Verification) -> bool:
    """Return True if a match is reported to an owner; matches by structure alone only if derived works are enabled."""
    structure = verification.decision is Decision.RESEMBLES and DERIVED in verification.reasons
    return verification.decision is not Decision.NONE and (owner.derived or not structure)


def make_pair(services: Services, found_work: FoundWork, data: bytes) -> Pair | None:
    """Return both pictures for display; ``None`` if they were not aligned, or the registered one is not stored."""
    if found_work.verification.transform is None or found_work.picture.digest not in services.blobs:
        return None
    return Pair.from_verification(
        data, services.blobs.get(found_work.picture.digest), found_work.verification, services.limits
    )


def fetch(services: Services, url: str, seconds: float = 30.0) -> bytes:
    """Download the bytes of a web URL; ``seconds`` is the timeout of each stage, and half of the body's.

    Raises:
        RefusedError: The URL is invalid or not allowed, the server reports an error, or the file is too large.
        ServiceMissingError: The server does not respond.
    """
    host = host_of(url)
    options: dict[str, Any] = {"user_agent": services.user_agent, "check": _check_not_denied, "timeout": seconds}
    try:
        with guarded_session(services.guard, **options) as session:
            response = session.get(url)
            if not response.ok:
                response.close()
                status = response.status_code
                raise RefusedError(f"{host} answers with status {status}.", reason=f"http-{status}")
            return read_limited(response, services.limits.max_bytes, 2 * seconds)
    except (requests.exceptions.MissingSchema, requests.exceptions.InvalidURL) as error:
        raise RefusedError(Sentence("The URL is not valid."), reason="bad-url") from error
    except requests.RequestException as error:
        sentence = Sentence("%(host)s could not be reached.", host=host)
        raise ServiceMissingError(sentence, hint=Sentence("Try again later.")) from error


def _check_not_denied(url: str) -> None:
    if is_denied(host := host_of(url)):
        raise RefusedError(
            Sentence("The operator's rules do not allow visits to %(host)s.", host=host), reason="denied-host"
        )


class WorksSubset(RegisteredWorks):
    """A subset of the registered pictures; it is searched as thoroughly as if there were no others."""

    def __init__(
        self, services: Services, subset: QuerySet[WorkPicture], series_works: QuerySet[WorkPicture] | None = None
    ) -> None:
        super().__init__(services, subset, series_works)
        self._pictures = subset.order_by().values("picture")
        self.deadline = time.monotonic() + MAX_SECONDS  # end of the search

    @cached_property
    def hashes(self) -> VectorIndex:
        """The hash index of the subset."""
        return self._restrict(super().hashes)

    @cached_property
    def descriptors(self) -> VectorIndex:
        """The descriptor index of the subset."""
        return self._restrict(super().descriptors)

    @cached_property
    def votes(self) -> VoteIndex:
        """The local feature index of the subset."""
        excluded = additions(Collection.WORKS, ROOTSIFT).exclude(fingerprint__picture__in=self._pictures)
        return super().votes.exclude(np.array(excluded.values_list("number", flat=True), np.int64))

    def features(self, work: int) -> Features | None:
        """Return the features of a registered picture; raises ``ServiceMissingError`` once the time is up."""
        if time.monotonic() > self.deadline:
            raise ServiceMissingError(Sentence("The search took too long."), hint=Sentence("Try again later."))
        return super().features(work)

    def _restrict(self, index: VectorIndex) -> VectorIndex:
        own = additions(Collection.WORKS, index.space).filter(fingerprint__picture__in=self._pictures)
        return _IndexSubset(index, frozenset(own.values_list("number", flat=True)))


class _IndexSubset:
    """A searchable subset of an index's vectors, which requests more hits until enough belong to the subset."""

    def __init__(self, index: VectorIndex, numbers: frozenset[int]) -> None:
        self.space = index.space
        self.index = index
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def search(self, queries: NDArray[Any], *, k: int, within: float | None = None) -> list[list[Hit]]:
        limit = k
        while True:
            hit_lists = self.index.search(queries, k=limit, within=within)
            own_hits = [[hit for hit in hits if hit.number in self.numbers][:k] for hits in hit_lists]
            if all(len(selected) == k or len(hits) < limit for selected, hits in zip(own_hits, hit_lists, strict=True)):
                return own_hits
            limit *= GROWTH_FACTOR


def list_pictures(owner: Owner) -> QuerySet[WorkPicture]:
    """Return the registered pictures of an owner."""
    return WorkPicture.objects.filter(work__owner=owner, work__removed_at=None)


def _sort_key(found_work: FoundWork) -> tuple[int, float, float, int]:
    verification = found_work.verification
    odds = (verification.related or 0.0) if verification.decision is Decision.RESEMBLES else 0.0
    similarity = verification.probability or verification.dense
    return list(Decision).index(verification.decision), -odds, -similarity, found_work.work.number
