"""Comparison of a found picture with a registered one: the only way from a pair of pictures to a verification.

The search among works, the search of the past, ``compare`` and ``why`` differ only in the pairs that they compare. The
result for a pair does not depend on how the pair was found, except that the limit rises with the number of works.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from exhibit.pictures.decode import Limits
from exhibit.types import Decision
from indexer.compare.decision import DetailedVerification, verify, withhold_unreliable_alignment
from indexer.picture.features import DEFAULT_LIMITS, Features, Part, extract
from indexer.search.parts import find_parts, restate_agreement, verify_part

MAX_PART_DISTANCE = 0.47
"""Maximum 1 − cosine for comparing a part with a work. Of 86 pictures that show one of 200 works at a small size and
that no other rule finds, this limit finds the work in 57; in 13, another work is within the limit, too, and is compared
unnecessarily."""
MAX_SIMILAR_PARTS = 3
"""Maximum number of parts that are compared with one work."""


class PictureComparison:
    """Comparisons of one found picture. The pictures within it are cut out once, on first use."""

    def __init__(self, found_picture: Features, load: Callable[[], bytes], limits: Limits = DEFAULT_LIMITS) -> None:
        self.found_picture = found_picture
        self._load = load
        self._limits = limits

    @cached_property
    def parts(self) -> Sequence[Part]:
        """Pictures within the picture; empty for most photographs and for icons."""
        return [] if self.found_picture.is_icon else find_parts(self.found_picture, self._load, self._limits)

    @cached_property
    def part_descriptors(self) -> NDArray[np.float32]:
        """Descriptors of the parts, float32, shape (parts, dimensions); only valid if there are parts."""
        return self.parts[0].descriptor.compute_vectors([part.pixels for part in self.parts])

    def compare(self, registered_picture: Features, works: int = 0) -> DetailedVerification:
        """Compare the whole picture with a registered one and, if that match is not certain, its most similar parts.

        Args:
            registered_picture: The registered picture.
            works: Number of works among which the pair was found; the limit for related pictures rises with it.

        Returns:
            The most certain result.

        Raises:
            ExhibitError: The bytes cannot be loaded or decoded.
        """
        best = restate_agreement(
            verify(self.found_picture, registered_picture, works),
            self.found_picture,
            self._load,
            registered_picture,
            self._limits,
            works,
        )
        if best.decision is Decision.CERTAIN:
            return best
        for part in self._select_similar_parts(registered_picture):
            verification = verify_part(
                part, self.found_picture, self._load, registered_picture, self._limits, works * len(self.parts)
            )
            if verification.decision.rank > best.decision.rank:
                best = verification
            if best.decision is Decision.CERTAIN:
                break
        return withhold_unreliable_alignment(best)

    def _select_similar_parts(self, registered_picture: Features) -> list[Part]:
        """Select the parts most similar to a registered picture; none if another model described it."""
        if not self.parts or registered_picture.space != self.parts[0].descriptor.space:
            return []
        distances = 1 - self.part_descriptors @ registered_picture.embedding
        return [
            self.parts[number]
            for number in np.argsort(distances, kind="stable")[:MAX_SIMILAR_PARTS].tolist()
            if distances[number] <= MAX_PART_DISTANCE
        ]


def compare_pair(
    found_picture: Features, load: Callable[[], bytes], registered_picture: Features, limits: Limits = DEFAULT_LIMITS
) -> DetailedVerification:
    """Compare a single pair. ``load`` returns the exact bytes of the found picture, to cut out pictures within it.

    Raises:
        ExhibitError: The bytes cannot be loaded or decoded.
    """
    return PictureComparison(found_picture, load, limits).compare(registered_picture)


def compare_pictures(registered: bytes, found: bytes, limits: Limits = DEFAULT_LIMITS) -> DetailedVerification:
    """Compare two pictures, given as bytes. The result has no probability, which requires a calibration.

    Raises:
        UnreadablePictureError: One of them is not a picture within the limits.
    """
    return compare_pair(extract(found, limits), lambda: found, extract(registered, limits), limits)
