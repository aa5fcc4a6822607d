"""A match's two pictures, ready to be drawn."""

from exhibit.errors import NotFoundError
from exhibit.sentences import Sentence
from indexer.draw.draw import jpeg
from indexer.draw.pair import Pair
from indexer.draw.survives import survives
from registry.models import Match
from workers.services.wiring import Services


def pair_of(services: Services, match: Match) -> Pair:
    """Both pictures of a match and their alignment, from their exact bytes; raises ``NotFoundError`` without them."""
    verification = match.verification
    if verification.transform is None:
        raise NotFoundError(Sentence("The two pictures can't be laid on each other."))
    found, registered = services.blobs.get(match.found.digest), services.blobs.get(match.registered.digest)
    return Pair.of(found, registered, verification, services.limits)


def survival_map(services: Services, match: Match) -> bytes:
    """A match's registered picture with what survives of it, a JPEG; raises ``NotFoundError`` where that isn't kept."""
    if not match.survival:
        raise NotFoundError(Sentence("What survives of the work wasn't asked for."))
    return jpeg(survives(services.blobs.get(match.registered.digest), match.survival, services.limits))
