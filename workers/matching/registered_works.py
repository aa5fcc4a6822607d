"""The registered works as a search goes through them, and what was measured of each."""

from collections.abc import Iterable, Mapping

from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from exhibit.machine import machine_fault
from exhibit.ports import VectorIndex
from exhibit.types import Verification
from indexer.picture.features import Features
from indexer.picture.spaces import PHASH
from indexer.search.candidates import Candidate
from indexer.search.search import compare_alone
from indexer.votes.index import VoteIndex
from registry.models import Picture
from registry.vectors.fingerprints import Collection
from workers.matching.marks import RegisteredPicture, registered, with_marks
from workers.services.wiring import Services


class RegisteredWorks:
    """The registered pictures by primary key, as of the last refresh. Implements ``indexer.search.search.Works``."""

    def __init__(self, services: Services) -> None:
        self._house = services
        self._known: dict[int, RegisteredPicture] = {}
        self.damaged: dict[int, ExhibitError] = {}  # whose features couldn't be had, and why

    @property
    def hashes(self) -> VectorIndex:
        """Their hashes."""
        return self._house.indexes.of(Collection.WORKS, PHASH)

    @property
    def descriptors(self) -> VectorIndex:
        """Their descriptors."""
        return self._house.indexes.of(Collection.WORKS, self._house.descriptors.serving.space)

    @property
    def votes(self) -> VoteIndex:
        """Their local features."""
        return self._house.indexes.votes

    def owners(self, candidates: Iterable[Candidate]) -> Mapping[tuple[str, int], int]:
        """Whose vector each candidate is, by space and number."""
        owners = self._house.indexes.pictures(Collection.WORKS, candidates)
        self._known |= registered(set(owners.values()) - self._known.keys())
        return owners

    def features(self, work: int) -> Features | None:
        """What was measured of a registered picture; ``None`` when its files are damaged or have gone."""
        try:
            return _features_of(self._house, self._known[work])
        except ExhibitError as error:
            if error.retry or machine_fault(error):  # what all of them need is missing
                raise
            self.damaged[work] = error
            return None


def compared(services: Services, found: Features, work: Features) -> Verification:
    """Verify a pair that a work's search of the past has named, and decide as a found picture's search does."""
    return compare_alone(found, lambda: services.blobs.get(found.digest), work, services.limits)


def registered_features(services: Services, digest: Digest) -> Features:
    """What was measured of a registered picture, from the cache or from its bytes, with its marks."""
    (known,) = registered(Picture.objects.filter(digest=digest).values_list("pk", flat=True)).values()
    return _features_of(services, known)


def _features_of(services: Services, known: RegisteredPicture) -> Features:
    features = services.features.get(known.digest, lambda: services.blobs.get(known.digest))
    return with_marks(features, known.marks)
