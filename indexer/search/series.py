"""Works that are exposures of one scene: selection of the work of which a found picture is a copy.

Another photograph of the scene may match a work to a fraction of a pixel, and then cannot be distinguished from a copy
by that match alone. The other works of the scene make the distinction possible: a copy matches its own original more
precisely than any other work.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from exhibit.types import Decision, Relation, Verification

SERIES = "series"
MIN_EXPLAINED_FRACTION = 0.9
"""Minimum fractions of a picture and of a work covered by a match for the two to count as the same picture."""
MIN_SAME_PICTURE_PRECISION = 0.9
"""Precision from which one work shows exactly the picture of another. Of 1,380 light copies, one in seven was less
precise; of frames of a film that were certain, none exceeded .4, of 763 generated exposures one in seventy."""
MIN_PRECISION_DIFFERENCE = 0.03
"""Minimum difference in precision between a copy's match with its work and with another exposure of the scene; all
of the light copies exceeded it."""
PIECES_DEDUCTION = 0.5
"""Deduction for matches in pieces, which also fit another camera position."""
MIN_COPY_PRECISION = 0.8
"""Precision from which two works of a series that match equally well are likely the same picture."""

Key = TypeVar("Key", bound=Hashable)


def derive_relation(verification: Verification) -> Relation | None:
    """Derive a work's relation to another one, whose picture was compared as the found one; either may be a part."""
    if verification.decision in {Decision.REVIEW, Decision.RELATED}:
        return Relation.SERIES if "imprecise" in verification.reasons else None
    if verification.decision is Decision.NONE:
        return None
    if compute_precision(verification) < MIN_SAME_PICTURE_PRECISION:
        return Relation.SERIES
    overlaps = sorted((verification.overlap_work, verification.overlap_picture))
    if overlaps[0] >= MIN_EXPLAINED_FRACTION:
        return Relation.DUPLICATE
    return Relation.PART if overlaps[1] >= MIN_EXPLAINED_FRACTION else None


def downgrade_ambiguous_matches(
    verifications: Mapping[Key, Verification], siblings: Callable[[Key], Collection[Key]]
) -> dict[Key, Verification]:
    """Downgrade certain matches of one found picture to reviews if another exposure matches it equally well.

    A match stays certain if the picture matches its work clearly more precisely than each sibling, or if it matches
    several of them as precisely as copies do. ``siblings`` returns the other exposures of a work's scene; those not
    compared are ignored.
    """

    def downgrade_if_ambiguous(work: Key, verification: Verification) -> Verification:
        sibling_precisions = [
            compute_precision(verifications[other]) for other in siblings(work) if other in verifications
        ]
        if verification.decision is not Decision.CERTAIN or not sibling_precisions:
            return verification
        own_precision = compute_precision(verification)
        if own_precision - max(sibling_precisions) >= (
            -MIN_PRECISION_DIFFERENCE if own_precision >= MIN_COPY_PRECISION else MIN_PRECISION_DIFFERENCE
        ):
            return verification
        return replace(verification, decision=Decision.REVIEW, reasons=(*verification.reasons, SERIES))

    return {work: downgrade_if_ambiguous(work, verification) for work, verification in verifications.items()}


def compute_precision(verification: Verification) -> float:
    """Compute the precision of a match: 1 for an unedited copy, 2 for identical bytes, −1 for no match.

    It is the fraction of patches in place minus the drift in pixels, reduced for matches in pieces.
    """
    if "same-bytes" in verification.reasons:
        return 2.0
    if verification.decision is Decision.NONE or verification.in_place is None or verification.drift is None:
        return -1.0
    deduction = PIECES_DEDUCTION if verification.pieces else 0.0
    return max(-1.0, verification.in_place - verification.drift - deduction)
