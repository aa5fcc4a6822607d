"""Works that are exposures of one scene: selects the one of which a found picture is a copy.

By itself, a photograph that matches a work to a fraction of a pixel cannot be distinguished from a copy. Together with
the other photographs of the scene it can: a copy matches its own original more precisely than any other.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from exhibit.types import Decision, Relation, Verification
from indexer.search.search import EXPLAINED

SERIES = "series"
SAME_PICTURE = 0.9
"""Precision from which one work shows exactly the picture of another. Of 1,380 light copies, one in seven was less
precise; of frames of a film that were certain, none exceeded .4, of 763 generated exposures one in seventy."""
CLEARLY = 0.03
"""Minimum difference in precision between a copy's match with its work and with another exposure of the scene; all
of the light copies exceeded it."""
IN_PIECES = 0.5
"""Deduction for matches in pieces, which also fit another camera position."""
LIKE_A_COPY = 0.8
"""Precision from which two equally precise works of a series are likely the same picture."""

Key = TypeVar("Key", bound=Hashable)


def derive_relation(verification: Verification) -> Relation | None:
    """Return a work's relation to another one, whose picture was compared as the found one; either may be a part."""
    if verification.decision in {Decision.REVIEW, Decision.RESEMBLES}:
        return Relation.SERIES if "imprecise" in verification.reasons else None
    if verification.decision is Decision.NONE:
        return None
    if compute_precision(verification) < SAME_PICTURE:
        return Relation.SERIES
    overlaps = sorted((verification.overlap_work, verification.overlap_picture))
    if overlaps[0] >= EXPLAINED:
        return Relation.DUPLICATE
    return Relation.PART if overlaps[1] >= EXPLAINED else None


def review_ambiguous(
    verifications: Mapping[Key, Verification], siblings: Callable[[Key], Collection[Key]]
) -> dict[Key, Verification]:
    """Return the comparisons of one found picture, with those that another exposure explains as well sent to review.

    A match stays certain if the picture matches its work clearly more precisely than each sibling, or several of them
    as
    precisely as copies do. ``siblings`` returns the other exposures of a work's scene; those not compared are ignored.
    """

    def review_if_ambiguous(work: Key, verification: Verification) -> Verification:
        sibling_precisions = [
            compute_precision(verifications[other]) for other in siblings(work) if other in verifications
        ]
        if verification.decision is not Decision.CERTAIN or not sibling_precisions:
            return verification
        own_precision = compute_precision(verification)
        if own_precision - max(sibling_precisions) >= (-CLEARLY if own_precision >= LIKE_A_COPY else CLEARLY):
            return verification
        return replace(verification, decision=Decision.REVIEW, reasons=(*verification.reasons, SERIES))

    return {work: review_if_ambiguous(work, verification) for work, verification in verifications.items()}


def compute_precision(verification: Verification) -> float:
    """Return the precision of a match: 1 for an untouched copy, 2 for identical bytes, −1 for no match.

    It is the share of patches in place minus the drift in pixels, reduced for matches in pieces.
    """
    if "same-bytes" in verification.reasons:
        return 2.0
    if verification.decision is Decision.NONE or verification.in_place is None or verification.drift is None:
        return -1.0
    deduction = IN_PIECES if verification.pieces else 0.0
    return max(-1.0, verification.in_place - verification.drift - deduction)
