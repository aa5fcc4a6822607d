"""The rules: what the measured figures of a pair of pictures are taken for.

None of the figures decides alone. A watermark that two pictures share makes many details agree; a studio's next product
makes hash and pixels agree; only a copy lies on its original to a fraction of a pixel over most of what both show.
"""

import math
import operator
from dataclasses import dataclass

from exhibit.types import Decision
from indexer.compare.pieces import InPieces
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


def decide(figures: Measurements) -> tuple[Decision, tuple[str, ...]]:
    """The decision, and for ``review`` why a person has to look."""
    if is_certain(figures):
        return Decision.CERTAIN, ()
    if is_worth_a_look(figures):
        return Decision.REVIEW, _doubts(figures)
    return Decision.NONE, ()


def decide_pieces(laid: InPieces, dense: float) -> tuple[Decision, tuple[str, ...]]:
    """The decision about a picture laid in pieces, by their share of windows that agree, and what is left to doubt.

    The score is a logarithm of odds, and likely the more the more of the work is covered, the less patches are
    displaced beyond noise, and the less neighbouring cells were moved against one another: other photographs of a scene
    can be laid in pieces, too, but only by moving each cell its own way. For ``certain`` half of the work has to be
    shown as well, or what agrees may be words and frames that strangers share.
    """
    excess = math.log(laid.fit.excess + THRESHOLDS.pieces_noise)
    weights = THRESHOLDS.pieces_excess, THRESHOLDS.pieces_cover, THRESHOLDS.pieces_roughness
    figures = excess, laid.cover, math.log(laid.roughness)
    score = THRESHOLDS.pieces_intercept + sum(map(operator.mul, weights, figures))
    if score < THRESHOLDS.pieces_review or dense < THRESHOLDS.review_agreement:
        return Decision.NONE, ()
    doubts = {
        "few-inliers": laid.agreeing < THRESHOLDS.pieces_agreeing,
        "weak-agreement": dense < THRESHOLDS.certain_dense,
        "shared-overlay": laid.cover * laid.fit.in_place < THRESHOLDS.half_in_place,
        "imprecise": score < THRESHOLDS.pieces_certain,
    }
    reasons = tuple(name for name, holds in doubts.items() if holds)
    return (Decision.REVIEW if reasons else Decision.CERTAIN), reasons


def is_certain(one: Measurements) -> bool:
    """Whether the figures leave no doubt of a copy."""
    exact = one.hamming <= THRESHOLDS.hash_same and one.dense >= THRESHOLDS.exact_dense
    near = one.hamming <= THRESHOLDS.hash_near and one.precision >= THRESHOLDS.hash_near_precision
    needed = THRESHOLDS.certain_precision if one.inliers >= THRESHOLDS.min_inliers else THRESHOLDS.alone_precision
    precise = one.patches >= THRESHOLDS.min_patches and one.precision >= needed
    return exact or (one.dense >= THRESHOLDS.certain_dense and (near or precise))


def is_worth_a_look(one: Measurements) -> bool:
    """Whether the figures speak for a copy, but not beyond doubt."""
    near = one.hamming <= THRESHOLDS.hash_review and one.dense >= THRESHOLDS.hash_review_dense
    near |= one.hamming <= THRESHOLDS.hash_near and one.precision >= THRESHOLDS.hash_near_precision
    needed = THRESHOLDS.review_precision if one.inliers >= THRESHOLDS.min_inliers else THRESHOLDS.certain_precision
    precise = one.precision >= needed and (
        one.excess <= THRESHOLDS.max_excess or one.in_place >= THRESHOLDS.half_in_place
    )
    explained = THRESHOLDS.agreeing_excess if one.dense >= THRESHOLDS.certain_dense else THRESHOLDS.noise_excess
    noisy = one.inliers >= THRESHOLDS.many_inliers and one.excess <= explained
    return near or ((one.dense + one.in_place) / 2 >= THRESHOLDS.review_agreement and (precise or noisy))


def _doubts(one: Measurements) -> tuple[str, ...]:
    doubts = {
        "few-inliers": one.inliers < THRESHOLDS.many_inliers or one.patches < THRESHOLDS.min_patches,
        "weak-agreement": one.dense < THRESHOLDS.certain_dense,
        "shared-overlay": one.drift <= THRESHOLDS.max_drift and one.in_place < THRESHOLDS.half_in_place,
        "imprecise": one.drift > THRESHOLDS.max_drift,
    }
    return tuple(name for name, holds in doubts.items() if holds) or ("imprecise",)
