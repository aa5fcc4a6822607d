"""Which of an owner's works a picture shows. Nothing of the picture is stored."""

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
from registry.crawls.crawling import denied
from registry.fingerprints.fingerprints import Collection, additions
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches.calibrations import active
from registry.matches.registered_works import RegisteredWorks
from registry.pictures.models import Picture
from registry.pictures.provenance import FileStatement, said_by
from registry.services.services import Services
from registry.works.models import Work, WorkPicture
from registry.works.published_copies import MadeCopy, marked_copies, signed_copies
from registry.works.registration_proofs import Registration, registration_of

MAX_SECONDS = 30.0  # after so long a search begins no more comparison
FURTHER = 8  # so many times more hits are asked for when others' stand before an owner's own


@dataclass(frozen=True)
class FoundWork:
    """A work that the picture shows, or may show; the given picture was verified as the found one."""

    work: Work
    picture: Picture
    verification: Verification
    calibration: Calibration | None  # what gave its probability

    @cached_property
    def log(self) -> Registration | None:
        """What the log holds of its registration."""
        return registration_of(self.work)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one picture; the surest works come first."""

    features: Features
    works: tuple[FoundWork, ...]
    said: FileStatement  # what the file says of itself
    copies: tuple[MadeCopy, ...]  # of the owner's, that it is: byte for byte, or by the mark that it carries
    marks: int  # that were looked for; none where no copy of what it shows was marked


def identify(services: Services, owner: Owner, data: bytes) -> Answer:
    """Search an owner's works for one picture, in the same way as pictures that crawls bring; none of others' is told.

    Raises ``UnreadablePictureError``, ``IntegrityError`` for a damaged index or registered picture, and
    ``ServiceMissingError`` when the search takes too long.
    """
    get_descriptors(services).refresh()
    found = extract(data, services.limits, descriptor=get_descriptors(services).serving)
    get_indexes(services).refresh(Collection.WORKS)
    own = SomeWorks(services, pictures_of(owner))
    compared = own.find(found, lambda: data)
    for damage in own.damaged.values():
        raise damage
    shown = {picture: measured for picture, measured in compared if _is_told(owner, measured)}
    rows = pictures_of(owner).filter(picture__in=shown).select_related("work", "picture")
    works = []
    for row in rows:
        calibration = active(shown[row.picture_id].pipeline)
        measured = calibrated(shown[row.picture_id], calibration)
        works.append(FoundWork(row.work, row.picture, measured, calibration))
    said = said_by(services, data, found.info.format)
    pairs = {one.picture.digest.hex: partial(pair_of, services, one, data) for one in works}
    marks, carried = marked_copies(owner, pairs)
    return Answer(
        found, tuple(sorted(works, key=_promise)), said, (*signed_copies(owner, found.digest), *carried), marks
    )


def _is_told(owner: Owner, measured: Verification) -> bool:
    """Whether an owner is told; what resembles a work by its structure alone only who asks for derived works."""
    structure = measured.decision is Decision.RESEMBLES and DERIVED in measured.reasons
    return measured.decision is not Decision.NONE and (owner.derived or not structure)


def pair_of(services: Services, found: FoundWork, data: bytes) -> Pair | None:
    """Both pictures, to be drawn; ``None`` when they couldn't be laid on each other, or the registered one is gone."""
    if found.verification.transform is None or found.picture.digest not in services.blobs:
        return None
    return Pair.of(data, services.blobs.get(found.picture.digest), found.verification, services.limits)


def fetch(services: Services, url: str, seconds: float = 30.0) -> bytes:
    """The bytes at an address of the web, each stage in so many seconds, the body in twice as many.

    Raises ``RefusedError``, or ``ServiceMissingError`` without an answer.
    """
    host = host_of(url)
    how: dict[str, Any] = {"user_agent": services.user_agent, "check": _not_denied, "timeout": seconds}
    try:
        with guarded_session(services.guard, **how) as session:
            response = session.get(url)
            if not response.ok:
                response.close()
                status = response.status_code
                raise RefusedError(f"{host} answers with status {status}.", reason=f"http-{status}")
            return read_limited(response, services.limits.max_bytes, 2 * seconds)
    except (requests.exceptions.MissingSchema, requests.exceptions.InvalidURL) as error:
        raise RefusedError(Sentence("The address can't be read."), reason="bad-url") from error
    except requests.RequestException as error:
        sentence = Sentence("%(host)s can't be reached.", host=host)
        raise ServiceMissingError(sentence, hint=Sentence("Try again later.")) from error


def _not_denied(url: str) -> None:
    if denied(host := host_of(url)):
        raise RefusedError(Sentence("The operator's rules name %(host)s.", host=host), reason="denied-host")


class SomeWorks(RegisteredWorks):
    """Some of the registered pictures: as many of them are compared as if there were no others."""

    def __init__(
        self, services: Services, among: QuerySet[WorkPicture], beside: QuerySet[WorkPicture] | None = None
    ) -> None:
        super().__init__(services, among, beside)
        self._pictures = among.order_by().values("picture")
        self.until = time.monotonic() + MAX_SECONDS  # when a search ends

    @cached_property
    def hashes(self) -> VectorIndex:
        """Their hashes."""
        return self._own(super().hashes)

    @cached_property
    def descriptors(self) -> VectorIndex:
        """Their descriptors."""
        return self._own(super().descriptors)

    @cached_property
    def votes(self) -> VoteIndex:
        """Their local features."""
        others = additions(Collection.WORKS, ROOTSIFT).exclude(fingerprint__picture__in=self._pictures)
        return super().votes.without(np.array(others.values_list("number", flat=True), np.int64))

    def features(self, work: int) -> Features | None:
        """What was measured of a registered picture, while there is time."""
        if time.monotonic() > self.until:
            raise ServiceMissingError(Sentence("The search takes too long."), hint=Sentence("Try again later."))
        return super().features(work)

    def _own(self, index: VectorIndex) -> VectorIndex:
        own = additions(Collection.WORKS, index.space).filter(fingerprint__picture__in=self._pictures)
        return _Part(index, frozenset(own.values_list("number", flat=True)))


class _Part:
    """Some of an index's vectors, to be searched: as many hits are asked for as it takes to have enough of these."""

    def __init__(self, index: VectorIndex, numbers: frozenset[int]) -> None:
        self.space = index.space
        self.index = index
        self.numbers = numbers

    def upsert(self, numbers: NDArray[np.int64], vectors: NDArray[Any]) -> None:
        self.index.upsert(numbers, vectors)

    def remove(self, numbers: NDArray[np.int64]) -> int:
        return self.index.remove(numbers)

    def flush(self) -> None:
        self.index.flush()

    def __len__(self) -> int:
        return len(self.numbers)

    def search(self, queries: NDArray[Any], *, k: int, within: float | None = None) -> list[list[Hit]]:
        asked = k
        while True:
            found = self.index.search(queries, k=asked, within=within)
            ours = [[hit for hit in hits if hit.number in self.numbers][:k] for hits in found]
            if all(len(some) == k or len(hits) < asked for some, hits in zip(ours, found, strict=True)):
                return ours
            asked *= FURTHER


def pictures_of(owner: Owner) -> QuerySet[WorkPicture]:
    """The registered pictures of an owner."""
    return WorkPicture.objects.filter(work__owner=owner, work__removed_at=None)


def _promise(found: FoundWork) -> tuple[int, float, float, int]:
    measured = found.verification
    odds = (measured.related or 0.0) if measured.decision is Decision.RESEMBLES else 0.0
    alike = measured.probability or measured.dense
    return list(Decision).index(measured.decision), -odds, -alike, found.work.number
