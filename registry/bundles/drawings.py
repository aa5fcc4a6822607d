"""Loading of the two images of a match, and cached drawings of them."""

from exhibit import __version__
from exhibit.digests import Digest
from exhibit.errors import NotFoundError
from exhibit.machine import write_cache_file
from exhibit.sentences import Sentence
from indexer.draw.draw import View, draw_small, encode_jpeg
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
    """Return a drawing of a match as JPEG, from the cache or newly drawn. ``side`` is its longer side in pixels.

    The cache folder may be deleted at any time.

    Raises:
        NotFoundError: The bytes of an image are not stored.
        UnreadablePictureError: An image cannot be decoded.
    """
    check_not_purged(match.found, match.registered)
    verification, digests = match.verification, (match.found.digest, match.registered.digest)
    alignment_digest = Digest.from_bytes(
        repr((verification.transform, verification.further, verification.pieces, __version__)).encode()
    )
    path = get_drawing_path(services, digests, f"{alignment_digest.hex[:16]}-{view}-{side}")
    try:
        return path.read_bytes()
    except OSError:
        data = draw_small(view, load_pair(services, match, side))
    is_cached = write_cache_file(path, data, base_folder=services.config.data_dir)
    if is_cached and not all(digest in services.blobs for digest in digests):  # A picture was purged in the meantime.
        path.unlink(missing_ok=True)
    return data


def draw_survival_map(services: Services, match: Match) -> bytes:
    """Draw a match's registered image as JPEG, with the parts marked that remain in the copy.

    Raises:
        NotFoundError: Survival was not measured for this match, or the bytes are not stored.
    """
    if not match.survival:
        raise NotFoundError(Sentence("The retained parts of the work were not measured for this picture."))
    return encode_jpeg(draw_survival(services.blobs.get(match.registered.digest), match.survival, services.limits))
