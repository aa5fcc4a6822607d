"""The two images of a match, prepared for drawing, and cached drawings of them."""

from exhibit import __version__
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.machine import keep_in_cache
from exhibit.sentences import Sentence
from indexer.draw.draw import View, draw_small, jpeg
from indexer.draw.overlay import draw_survival
from indexer.draw.pair import MAX_SIDE, Pair
from registry.matches.models import Match
from registry.pictures.previews import check_not_purged, get_drawing_path
from registry.services.services import Services


def load_pair(services: Services, match: Match, side: int = MAX_SIDE) -> Pair:
    """Load both images of a match, with their alignment, from their exact bytes.

    Args:
        services: Services with the blob store.
        match: The match.
        side: Longer side of the drawings, in pixels.

    Raises:
        NotFoundError: The bytes are not stored, or the images cannot be aligned.
    """
    verification = match.verification
    if verification.transform is None:
        raise NotFoundError(Sentence("The two pictures cannot be aligned."))
    found_bytes, registered_bytes = services.blobs.get(match.found.digest), services.blobs.get(match.registered.digest)
    return Pair.from_verification(found_bytes, registered_bytes, verification, services.limits, side)


def load_drawing(services: Services, match: Match, view: View, side: int) -> bytes:
    """Return a drawing of this size as JPEG, from the cache or newly drawn.

    The cache folder may be deleted at any time.

    Raises:
        NotFoundError: The bytes of an image are not stored.
        UnreadablePictureError: An image cannot be decoded.
    """
    check_not_purged(match.found, match.registered)
    verification, digests = match.verification, (match.found.digest, match.registered.digest)
    digest_of_alignment = Digest.of(
        repr((verification.transform, verification.further, verification.pieces, __version__)).encode()
    )
    path = get_drawing_path(services, digests, f"{digest_of_alignment.hex[:16]}-{view}-{side}")
    try:
        return path.read_bytes()
    except OSError:
        data = draw_small(view, load_pair(services, match, side))
    is_cached = keep_in_cache(path, data, below=services.config.data_dir)
    if is_cached and not all(digest in services.blobs for digest in digests):  # Purged while the drawing was made.
        path.unlink(missing_ok=True)
    return data


def survival_map(services: Services, match: Match) -> bytes:
    """Return a match's registered image as JPEG, marked with the parts that survive in the copy.

    Raises:
        NotFoundError: Survival was not measured for this match, or the bytes are not stored.
    """
    if not match.survival:
        raise NotFoundError(Sentence("The retained parts of the work were not requested."))
    return jpeg(draw_survival(services.blobs.get(match.registered.digest), match.survival, services.limits))
