"""A closer look at pairs that the first look left in doubt because it found few details again."""

from exhibit.pictures.decode import Limits
from exhibit.types import Decision, Verification
from indexer.compare.verify import verify
from indexer.picture.features import CLOSER, DEFAULT_LIMITS, Features, extract


def second_look(
    first: Verification, data: bytes, registered: Features, limits: Limits = DEFAULT_LIMITS
) -> Verification:
    """The verification of the found picture at twice the size, when that ends the doubt of the first one.

    A work that fills a small part of a page or a collage has few details left at the usual size. This costs some five
    times a first look, and is seldom needed. Raises ``UnreadablePictureError``.
    """
    if first.decision is not Decision.REVIEW or "few-inliers" not in first.reasons:
        return first
    second = verify(extract(data, limits, CLOSER), registered)
    return second if second.decision is Decision.CERTAIN else first
