"""A match's two pictures, ready to be drawn."""

from exhibit.errors import NotFoundError
from exhibit.sentences import Sentence
from indexer.draw.pair import Pair
from registry.models import Match
from workers.services.wiring import Services


def pair_of(services: Services, match: Match) -> Pair:
    """Both pictures of a match and their alignment, from their exact bytes; raises ``NotFoundError`` without them."""
    verification = match.verification
    if verification.transform is None:
        raise NotFoundError(Sentence("The two pictures can't be laid on each other."))
    found, registered = services.blobs.get(match.found.digest), services.blobs.get(match.registered.digest)
    return Pair.of(found, registered, verification, services.limits)
