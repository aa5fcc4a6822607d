"""The rules: what the measured figures of a pair of pictures are taken for.

None of the figures decides alone. A watermark that two pictures share makes many details agree; a studio's next product
makes hash and pixels agree; only a copy lies on its original to a fraction of a pixel over most of what both show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exhibit.types import Decision
from indexer.compare.pieces import InPieces, score_of
from indexer.compare.thresholds import THRESHOLDS


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured of a pair under one transform."""

    hamming: int  # bits by which the hashes differ
    inliers: int  # distinct keypoint correspondences that agree with the transform
    dense: float  # of the textured windows in the overlap, those whose pixels agree, 0 to 1
    patches: int  # how many textured patches of the overlap were looked for
    in_place: float  # share of them that lie where the transform says
    drift: float  # by how many pixels neighbouring patches are displaced together
    excess: float  # how many times farther than noise explains the median patch that was found again is displaced

    @property
    def precision(self) -> float:
        """How precisely the one lies on the other: 1 for an untouched copy, below 0 for another photograph."""
        return self.in_place - self.drift


@dataclass(frozen=True, slots=True)
class Condition:
    """A figure beside its limit."""

    name: str  # as in `Measurements` or `InPieces`; `agreement` is the mean of dense and in place
    figure: float
    limit: float
    at_most: bool = False  # whether the figure may not exceed the limit; else it has to reach it

    @property
    def holds(self) -> bool:
        """Whether the figure keeps to its limit."""
        return self.figure <= self.limit if self.at_most else self.figure >= self.limit


Way = tuple[Condition, ...]
"""Conditions that have to hold together."""
InWays = tuple[tuple[Way, ...], Way]
"""What a picture laid in pieces needs for ``review``, one of these, and for ``certain``."""
_IN_PIECES = {"agreeing": "few-inliers", "dense": "weak-agreement", "shown": "shared-overlay", "score": "imprecise"}
"""Which doubt it is that a condition for ``certain`` doesn't hold of a picture laid in pieces."""


def decide(figures: Measurements) -> tuple[Decision, tuple[str, ...]]:
    """The decision, and for ``review`` why a person has to look."""
    if _any_holds(ways_to_certain(figures)):
        return Decision.CERTAIN, ()
    if _any_holds(ways_to_review(figures)):
        return Decision.REVIEW, _doubts(figures)
    return Decision.NONE, ()


def decide_pieces(to_review: Sequence[Way], to_certain: Way) -> tuple[Decision, tuple[str, ...]]:
    """The decision about a picture laid in pieces, by what :func:`ways_in_pieces` gives, and what is left to doubt."""
    if not _any_holds(to_review):
        return Decision.NONE, ()
    reasons = tuple(_IN_PIECES[condition.name] for condition in to_certain if not condition.holds)
    return (Decision.REVIEW if reasons else Decision.CERTAIN), reasons


def ways_in_pieces(laid: InPieces, dense: float, another: float = 0.0) -> InWays:
    """What a picture laid in pieces needs; dense is of its windows that agree.

    Another is the share of what the two have in common where both have texture and nothing agrees, 0 where it wasn't
    measured: the words of one caption can be laid in pieces, too, and all around them is another picture.

    The score is a logarithm of odds, and likely the more the more of the work is covered, the less patches are
    displaced beyond noise, and the less neighbouring cells were moved against one another: other photographs of a scene
    can be laid in pieces, too, but only by moving each cell its own way. Without it, most of the work in place and
    nearly all windows agreeing are worth a look: so are copies that were swirled. For ``certain`` half of the work has
    to be shown as well, or what agrees may be words and frames that strangers share.
    """
    score = score_of(laid.cover, laid.fit.excess, laid.roughness)
    many = Condition("agreeing", laid.agreeing, THRESHOLDS.pieces_agreeing)
    return (
        (
            (
                Condition("score", score, THRESHOLDS.pieces_review),
                Condition("dense", dense, THRESHOLDS.review_agreement),
                Condition("another", another, THRESHOLDS.another_around, at_most=True),
            ),
            (
                many,
                Condition("shown", laid.shown, THRESHOLDS.pieces_shown),
                Condition("dense", dense, THRESHOLDS.pieces_dense),
            ),
        ),
        (
            many,
            Condition("dense", dense, THRESHOLDS.certain_dense),
            Condition("shown", laid.shown, THRESHOLDS.half_in_place),
            Condition("score", score, THRESHOLDS.pieces_certain),
        ),
    )


def ways_to_certain(one: Measurements) -> tuple[Way, ...]:
    """What leaves no doubt of a copy: all conditions of one of these."""
    needed = THRESHOLDS.certain_precision if one.inliers >= THRESHOLDS.min_inliers else THRESHOLDS.alone_precision
    agrees = Condition("dense", one.dense, THRESHOLDS.certain_dense)
    many = Condition("patches", one.patches, THRESHOLDS.min_patches)
    same = _hashes_within(one, THRESHOLDS.hash_same), Condition("dense", one.dense, THRESHOLDS.exact_dense)
    return (
        (agrees, many, Condition("precision", one.precision, needed)),
        (agrees, *_near_and_precise(one), Condition("excess", one.excess, THRESHOLDS.hash_near_excess, at_most=True)),
        (*same, Condition("excess", one.excess, THRESHOLDS.noise_excess, at_most=True)),
        (*same, Condition("patches", one.patches, THRESHOLDS.min_patches - 1, at_most=True)),
    )


def ways_to_review(one: Measurements) -> tuple[Way, ...]:
    """What speaks for a copy, but not beyond doubt: all conditions of one of these."""
    needed = THRESHOLDS.review_precision if one.inliers >= THRESHOLDS.min_inliers else THRESHOLDS.certain_precision
    explained = THRESHOLDS.agreeing_excess if one.dense >= THRESHOLDS.certain_dense else THRESHOLDS.noise_excess
    agrees = Condition("agreement", (one.dense + one.in_place) / 2, THRESHOLDS.review_agreement)
    precise = Condition("precision", one.precision, needed)
    many = Condition("inliers", one.inliers, THRESHOLDS.many_inliers)
    hashes = _hashes_within(one, THRESHOLDS.hash_review)
    return (
        (agrees, precise, Condition("excess", one.excess, THRESHOLDS.max_excess, at_most=True)),
        (agrees, precise, Condition("in_place", one.in_place, THRESHOLDS.half_in_place)),
        (agrees, many, Condition("excess", one.excess, explained, at_most=True)),
        (hashes, Condition("dense", one.dense, THRESHOLDS.hash_review_dense)),
        _near_and_precise(one),
    )


def _near_and_precise(one: Measurements) -> Way:
    precise = Condition("precision", one.precision, THRESHOLDS.hash_near_precision)
    return _hashes_within(one, THRESHOLDS.hash_near), precise


def _hashes_within(one: Measurements, bits: int) -> Condition:
    return Condition("hamming", one.hamming, bits, at_most=True)


def _any_holds(ways: Sequence[Way]) -> bool:
    return any(all(condition.holds for condition in way) for way in ways)


def _doubts(one: Measurements) -> tuple[str, ...]:
    doubts = {
        "few-inliers": one.inliers < THRESHOLDS.many_inliers or one.patches < THRESHOLDS.min_patches,
        "weak-agreement": one.dense < THRESHOLDS.certain_dense,
        "shared-overlay": one.drift <= THRESHOLDS.max_drift and one.in_place < THRESHOLDS.half_in_place,
        "imprecise": one.drift > THRESHOLDS.max_drift,
    }
    return tuple(name for name, holds in doubts.items() if holds) or ("imprecise",)
