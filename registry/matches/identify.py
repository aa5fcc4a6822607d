"""Search an owner's works for a picture that is not stored."""

import time
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import requests
from django.db.models import QuerySet
from numpy.typing import NDArray

from exhibit.comparison.calibration import Calibration, add_probability
from exhibit.comparison.derived import DERIVED_REASON
from exhibit.errors import RefusedError, ServiceMissingError
from exhibit.network.addresses import get_url_host
from exhibit.network.http import create_guarded_session, read_limited
from exhibit.ports import VectorIndex
from exhibit.sentences import Sentence
from exhibit.types import Decision, Hit, Verification
from indexer.draw.pair import Pair
from indexer.picture.features import Features, extract
from indexer.picture.spaces import ROOTSIFT
from indexer.votes.index import VoteIndex
from registry.accounts.models import Owner
from registry.crawls.crawling import is_denied
from registry.fingerprints.fingerprints import Collection, list_additions
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches.calibrations import get_active_calibration
from registry.matches.registered_works import RegisteredWorks
from registry.pictures.models import Picture
from registry.pictures.provenance import FileStatement, read_statements
from registry.services.services import Services
from registry.works.models import Work, WorkPicture
from registry.works.published_copies import PublishedCopy, find_marked_copies, find_signed_copies
from registry.works.registration_proofs import Registration, get_registration

MAX_SECONDS = 30.0  # time limit for starting comparisons
GROWTH_FACTOR = 8  # factor for requesting more hits when other owners' works take the first ranks


@dataclass(frozen=True)
class FoundWork:
    """A work that the picture shows or may show. In ``verification``, the submitted picture is the found picture."""

    work: Work
    picture: Picture
    verification: Verification
    calibration: Calibration | None  # calibration of its probability

    @cached_property
    def log(self) -> Registration | None:
        """The log entry of the work's registration."""
        return get_registration(self.work)


@dataclass(frozen=True, slots=True)
class Identification:
    """Result for one picture; the most certain works come first."""

    features: Features
    works: tuple[FoundWork, ...]
    file_statement: FileStatement  # the file's own metadata
    copies: tuple[PublishedCopy, ...]  # the owner's published copies with the same bytes or the same embedded mark
    marks: int  # number of marks searched for; 0 if no copy of these works is marked


def identify_picture(services: Services, owner: Owner, data: bytes) -> Identification:
    """Search an owner's works for a picture, in the same way as for crawled pictures.

    Other owners' works are not disclosed.

    Raises:
        UnreadablePictureError: The picture cannot be decoded.
        IntegrityError: An index or a registered picture is damaged.
        ServiceMissingError: The search takes too long.
    """
    get_descriptors(services).refresh()
    features = extract(data, services.limits, descriptor=get_descriptors(services).serving)
    get_indexes(services).refresh(Collection.WORKS)
    owner_works = WorksSubset(services, list_pictures(owner))
    results = owner_works.find(features, lambda: data)
    for error in owner_works.errors_by_work.values():
        raise error
    verifications = {picture: verification for picture, verification in results if _is_reported(owner, verification)}
    rows = list_pictures(owner).filter(picture__in=verifications).select_related("work", "picture")
    works = []
    for row in rows:
        calibration = get_active_calibration(verifications[row.picture_id].pipeline)
        verification = add_probability(verifications[row.picture_id], calibration)
        works.append(FoundWork(row.work, row.picture, verification, calibration))
    statement = read_statements(services, data, features.info.format)
    pairs = {found_work.picture.digest.hex: partial(make_pair, services, found_work, data) for found_work in works}
    searched_mark_count, marked_copies = find_marked_copies(owner, pairs)
    return Identification(
        features,
        tuple(sorted(works, key=_sort_key)),
        statement,
        (*find_signed_copies(owner, features.digest), *marked_copies),
        searched_mark_count,
    )


def _is_reported(owner: Owner, verification: Verification) -> bool:
    """Return True if a match is reported to an owner.

    Matches of the structure alone are reported only if the owner enabled derived works.
    """
    is_structural = verification.decision is Decision.RELATED and DERIVED_REASON in verification.reasons
    return verification.decision is not Decision.NONE and (owner.derived or not is_structural)


def make_pair(services: Services, found_work: FoundWork, data: bytes) -> Pair | None:
    """Return both pictures for display; ``None`` if they were not aligned or the registered picture is not stored."""
    if found_work.verification.transform is None or found_work.picture.digest not in services.blobs:
        return None
    return Pair.from_verification(
        data, services.blobs.get(found_work.picture.digest), found_work.verification, services.limits
    )


def fetch_picture(services: Services, url: str, seconds: float = 30.0) -> bytes:
    """Download a web URL. ``seconds`` is the timeout of each stage; the body may take twice as long.

    Raises:
        RefusedError: The URL is invalid or not allowed, the server reports an error, or the file is too large.
        ServiceMissingError: The server does not respond.
    """
    host = get_url_host(url)
    options: dict[str, Any] = {"user_agent": services.user_agent, "check": _check_not_denied, "timeout": seconds}
    try:
        with create_guarded_session(services.guard, **options) as session:
            response = session.get(url)
            if not response.ok:
                response.close()
                status = response.status_code
                raise RefusedError(f"{host} returned the status {status}.", reason=f"http-{status}")
            return read_limited(response, services.limits.max_bytes, 2 * seconds)
    except (requests.exceptions.MissingSchema, requests.exceptions.InvalidURL) as error:
        raise RefusedError(Sentence("The URL is not valid."), reason="bad-url") from error
    except requests.RequestException as error:
        sentence = Sentence("%(host)s could not be reached.", host=host)
        raise ServiceMissingError(sentence, hint=Sentence("Try again later.")) from error


def _check_not_denied(url: str) -> None:
    if is_denied(host := get_url_host(url)):
        raise RefusedError(
            Sentence("The operator's rules do not allow visits to %(host)s.", host=host), reason="denied-host"
        )


class WorksSubset(RegisteredWorks):
    """A subset of the registered pictures, searched as thoroughly as if there were no other pictures."""

    def __init__(
        self, services: Services, subset: QuerySet[WorkPicture], series_works: QuerySet[WorkPicture] | None = None
    ) -> None:
        super().__init__(services, subset, series_works)
        self._pictures = subset.order_by().values("picture")
        self.deadline = time.monotonic() + MAX_SECONDS  # time at which the search ends

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
        excluded = list_additions(Collection.WORKS, ROOTSIFT).exclude(fingerprint__picture__in=self._pictures)
        return super().votes.exclude(np.array(excluded.values_list("number", flat=True), np.int64))

    def features(self, work: int) -> Features | None:
        """Return the features of a registered picture; raises ``ServiceMissingError`` after the deadline."""
        if time.monotonic() > self.deadline:
            raise ServiceMissingError(Sentence("The search took too long."), hint=Sentence("Try again later."))
        return super().features(work)

    def _restrict(self, index: VectorIndex) -> VectorIndex:
        subset_additions = list_additions(Collection.WORKS, index.space).filter(fingerprint__picture__in=self._pictures)
        return _IndexSubset(index, frozenset(subset_additions.values_list("number", flat=True)))


class _IndexSubset:
    """Searchable subset of an index. It requests more hits from the index until enough belong to the subset."""

    def __init__(self, index: VectorIndex, numbers: frozenset[int]) -> None:
        self.space = index.space
        self.index = index
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def search(self, queries: NDArray[Any], *, k: int, within: float | None = None) -> list[list[Hit]]:
        hit_limit = k
        while True:
            hit_lists = self.index.search(queries, k=hit_limit, within=within)
            subset_hits = [[hit for hit in hits if hit.number in self.numbers][:k] for hits in hit_lists]
            if all(
                len(kept_hits) == k or len(hits) < hit_limit
                for kept_hits, hits in zip(subset_hits, hit_lists, strict=True)
            ):
                return subset_hits
            hit_limit *= GROWTH_FACTOR


def list_pictures(owner: Owner) -> QuerySet[WorkPicture]:
    """Return the registered pictures of an owner."""
    return WorkPicture.objects.filter(work__owner=owner, work__removed_at=None)


def _sort_key(found_work: FoundWork) -> tuple[int, float, float, int]:
    verification = found_work.verification
    odds = (verification.related or 0.0) if verification.decision is Decision.RELATED else 0.0
    similarity = verification.probability or verification.dense
    return list(Decision).index(verification.decision), -odds, -similarity, found_work.work.number
