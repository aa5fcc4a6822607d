"""Works that are exposures of one scene: which of them a found picture is a copy of.

Alone, a photograph that lies on a work to a fraction of a pixel can't be told from a copy of it. Beside the other
photographs of the scene it can: a copy lies on its own original more precisely than on any other.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from exhibit.types import Decision, Relation, Verification
from indexer.search.search import EXPLAINED

SERIES = "series"
SAME_PICTURE = 0.9
"""Precision from which one work shows the very picture of another. Of 1,380 light copies one in seven lay less
precisely; of frames of a film that were certain none came beyond .4, of 763 made exposures one in seventy.
"""
CLEARLY = 0.03
"""By how much more precisely a copy lies on its work than on another exposure of the scene: every one of those did."""
IN_PIECES = 0.5
"""By how much less precisely it lies in pieces, in which another place of the camera fits as well."""
LIKE_A_COPY = 0.8
"""Precision from which two works of a series that a picture lies on alike are rather the same picture."""

Key = TypeVar("Key", bound=Hashable)


def relation_of(verification: Verification) -> Relation | None:
    """What a work is to another one, by its picture as the found one; a part may be either of the two."""
    if verification.decision in {Decision.REVIEW, Decision.RESEMBLES}:
        return Relation.SERIES if "imprecise" in verification.reasons else None
    if verification.decision is Decision.NONE:
        return None
    if precision(verification) < SAME_PICTURE:
        return Relation.SERIES
    shown = sorted((verification.overlap_work, verification.overlap_picture))
    if shown[0] >= EXPLAINED:
        return Relation.DUPLICATE
    return Relation.PART if shown[1] >= EXPLAINED else None


def told_apart(
    compared: Mapping[Key, Verification], siblings: Callable[[Key], Collection[Key]]
) -> dict[Key, Verification]:
    """The same comparisons of one found picture, with those left to a person that another exposure explains as well.

    A match stays certain when the picture lies clearly more precisely on its work than on each sibling, or as precisely
    as copies do on several of them. ``siblings`` gives the other exposures of a work's scene; those that weren't
    compared say nothing.
    """

    def held_back(work: Key, verification: Verification) -> Verification:
        others = [precision(compared[other]) for other in siblings(work) if other in compared]
        if verification.decision is not Decision.CERTAIN or not others:
            return verification
        own = precision(verification)
        if own - max(others) >= (-CLEARLY if own >= LIKE_A_COPY else CLEARLY):
            return verification
        return replace(verification, decision=Decision.REVIEW, reasons=(*verification.reasons, SERIES))

    return {work: held_back(work, verification) for work, verification in compared.items()}


def precision(verification: Verification) -> float:
    """How precisely a found picture lies on a work: 1 for an untouched copy, 2 for the same bytes, −1 for what doesn't.

    The share of patches in place less the drift in pixels, less where it lies in pieces.
    """
    if "same-bytes" in verification.reasons:
        return 2.0
    if verification.decision is Decision.NONE or verification.in_place is None or verification.drift is None:
        return -1.0
    flexible = IN_PIECES if verification.pieces else 0.0
    return max(-1.0, verification.in_place - verification.drift - flexible)
