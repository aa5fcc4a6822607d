"""The rules: what the measured figures of a pair of pictures are taken for.

None of the figures decides alone. A watermark that two pictures share makes many details agree; a studio's next product
makes hash and pixels agree; only a copy lies on its original to a fraction of a pixel over most of what both show.
"""

from dataclasses import dataclass

from exhibit.types import Decision

LEAST_INLIERS, CERTAIN_INLIERS = 5, 12
REVIEW_DENSE, CERTAIN_DENSE = 0.35, 0.5
CERTAIN_SHARE = 0.6
"""Two pictures that only share a watermark have many correspondences besides, which don't agree."""
LEAST_PATCHES = 40
REVIEW_PRECISION, CERTAIN_PRECISION, PRECISE = -0.1, 0.35, 0.5
"""Of ``in_place - drift``."""
HASH_SAME, EXACT_DENSE = 20, 0.95
HASH_NEAR, HASH_NEAR_DENSE, HASH_NEAR_PRECISION = 30, 0.5, 0.2
IN_PLACE, DRIFT = 0.5, 0.3


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a pair under one transform.

    Attributes:
        hamming: bits by which the hashes differ.
        inliers: distinct keypoint correspondences that agree with the transform.
        share: of all correspondences, those that agree, 0 to 1.
        dense: of the textured windows in the overlap, those whose pixels agree, 0 to 1.
        patches: how many textured patches of the overlap were looked for.
        in_place: share of them that lie where the transform says.
        drift: by how many pixels neighbouring patches are displaced together.
    """

    hamming: int
    inliers: int
    share: float
    dense: float
    patches: int
    in_place: float
    drift: float

    @property
    def precision(self) -> float:
        """How precisely the one lies on the other: 1 for an untouched copy, below 0 for another photograph."""
        return self.in_place - self.drift


def decide(figures: Figures) -> tuple[Decision, tuple[str, ...]]:
    """The decision, and for ``review`` why a person has to look."""
    if is_certain(figures):
        return Decision.CERTAIN, ()
    if is_worth_a_look(figures):
        return Decision.REVIEW, _doubts(figures)
    return Decision.NONE, ()


def is_certain(one: Figures) -> bool:
    """Whether the figures leave no doubt of a copy."""
    exact = one.hamming <= HASH_SAME and one.dense >= EXACT_DENSE
    near = one.hamming <= HASH_NEAR and one.dense >= HASH_NEAR_DENSE and one.precision >= HASH_NEAR_PRECISION
    if one.dense < CERTAIN_DENSE or one.patches < LEAST_PATCHES:
        return exact or near
    precise = one.inliers >= LEAST_INLIERS and one.precision >= PRECISE
    agreed = one.inliers >= CERTAIN_INLIERS and one.share >= CERTAIN_SHARE and one.precision >= CERTAIN_PRECISION
    return exact or near or precise or agreed


def is_worth_a_look(one: Figures) -> bool:
    """Whether the figures speak for a copy, but not beyond doubt."""
    near = one.hamming <= HASH_NEAR and one.dense >= HASH_NEAR_DENSE
    fits = one.inliers >= LEAST_INLIERS and one.dense >= REVIEW_DENSE and one.precision >= REVIEW_PRECISION
    return near or fits


def _doubts(one: Figures) -> tuple[str, ...]:
    doubts = {
        "few-inliers": one.inliers < CERTAIN_INLIERS or one.patches < LEAST_PATCHES,
        "weak-agreement": one.dense < CERTAIN_DENSE,
        "shared-overlay": one.drift <= DRIFT and one.in_place < IN_PLACE,
        "imprecise": one.drift > DRIFT,
    }
    return tuple(name for name, holds in doubts.items() if holds) or ("imprecise",)
