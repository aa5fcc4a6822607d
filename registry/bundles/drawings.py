"""A match's two pictures, ready to be drawn, and drawings of them that are kept."""

from exhibit import __version__
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.machine import keep_in_cache
from exhibit.sentences import Sentence
from indexer.draw.draw import View, draw_small, jpeg
from indexer.draw.overlay import survives
from indexer.draw.pair import MAX_SIDE, Pair
from registry.matches.models import Match
from registry.pictures.previews import check_kept, drawing_path
from registry.services.services import Services


def pair_of(services: Services, match: Match, side: int = MAX_SIDE) -> Pair:
    """Both pictures of a match and their alignment, from their exact bytes; raises ``NotFoundError`` without them.

    Its drawings will have so many pixels on their longer side.
    """
    verification = match.verification
    if verification.transform is None:
        raise NotFoundError(Sentence("The two pictures can't be laid on each other."))
    found, registered = services.blobs.get(match.found.digest), services.blobs.get(match.registered.digest)
    return Pair.of(found, registered, verification, services.limits, side)


def kept_drawing(services: Services, match: Match, view: View, side: int) -> bytes:
    """A drawing that is made once in this size and kept beside the other caches, a JPEG.

    The folder may be removed at any time. Raises ``NotFoundError`` or ``UnreadablePictureError``.
    """
    check_kept(match.found, match.registered)
    laid, shown = match.verification, (match.found.digest, match.registered.digest)
    told = Digest.of(repr((laid.transform, laid.further, laid.pieces, __version__)).encode())
    path = drawing_path(services, shown, f"{told.hex[:16]}-{view}-{side}")
    try:
        return path.read_bytes()
    except OSError:
        data = draw_small(view, pair_of(services, match, side))
    kept = keep_in_cache(path, data, below=services.config.data_dir)
    if kept and not all(digest in services.blobs for digest in shown):  # purged meanwhile
        path.unlink(missing_ok=True)
    return data


def survival_map(services: Services, match: Match) -> bytes:
    """A match's registered picture with what survives of it, a JPEG; raises ``NotFoundError`` where that isn't kept."""
    if not match.survival:
        raise NotFoundError(Sentence("What survives of the work wasn't asked for."))
    return jpeg(survives(services.blobs.get(match.registered.digest), match.survival, services.limits))
