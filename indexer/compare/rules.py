"""The rules: what the measured figures of a pair of pictures are taken for.

None of the figures decides alone. A watermark that two pictures share makes many details agree; a studio's next product
makes hash and pixels agree; only a copy lies on its original to a fraction of a pixel over most of what both show.

Counts beside thresholds are of the comparison as it was when these were chosen, on 20 November 2026;
``docs/accuracy.md`` tells what the rules do as they are.
"""

from dataclasses import dataclass

from exhibit.types import Decision

MIN_INLIERS, MANY_INLIERS = 5, 12
MIN_PATCHES = 40
REVIEW_AGREEMENT, CERTAIN_DENSE = 0.35, 0.5
"""The first is of the mean of windows that agree and patches in place: large words across the foot of two photographs
came to .33."""
REVIEW_PRECISION, CERTAIN_PRECISION, ALONE_PRECISION = -0.2, 0.5, 0.75
"""Of ``in_place - drift``; the last where too few details agree, and only the hashes say how the pictures lie. Of 249
pairs that resemble one another without being copies none came beyond .17 and nine beyond -.2; of 200 pairs of photos
under the same words or marks none came beyond .35."""
HASH_SAME, EXACT_DENSE = 20, 0.95
HASH_NEAR, HASH_NEAR_PRECISION = 30, 0.2
"""Bits within which the hashes themselves speak for a copy. Works that resemble one another were 52 or more apart, but
for logos and patterns, which are held back for their low information, and for frames of one film."""
HASH_REVIEW, HASH_REVIEW_DENSE = 48, 0.6
MAX_EXCESS, NOISE_EXCESS, AGREEING_EXCESS = 5.0, 4.0, 4.5
"""Of a clean picture, a displacement of a fraction of a pixel says that it is another photograph; of a small and badly
saved one it says nothing. Frames of one film a fraction of a second apart were displaced by 4.2 times and more what
their noise explains, nearly all by more than 4.6; copies that were cut, recoloured, reduced and badly saved by 1 to
4.5 times. The last limit is for pairs of which half of the windows agree: under one caption fewer do."""
IN_PLACE, DRIFT = 0.5, 0.3


@dataclass(frozen=True, slots=True)
class Measurements:
    """What was measured of a pair under one transform.

    Attributes:
        hamming: bits by which the hashes differ.
        inliers: distinct keypoint correspondences that agree with the transform.
        dense: of the textured windows in the overlap, those whose pixels agree, 0 to 1.
        patches: how many textured patches of the overlap were looked for.
        in_place: share of them that lie where the transform says.
        drift: by how many pixels neighbouring patches are displaced together.
        excess: how many times farther than its noise explains the median of patches that were found again is displaced.
    """

    hamming: int
    inliers: int
    dense: float
    patches: int
    in_place: float
    drift: float
    excess: float

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


def is_certain(one: Measurements) -> bool:
    """Whether the figures leave no doubt of a copy."""
    exact = one.hamming <= HASH_SAME and one.dense >= EXACT_DENSE
    near = one.hamming <= HASH_NEAR and one.precision >= HASH_NEAR_PRECISION
    needed = CERTAIN_PRECISION if one.inliers >= MIN_INLIERS else ALONE_PRECISION
    precise = one.patches >= MIN_PATCHES and one.precision >= needed
    return exact or (one.dense >= CERTAIN_DENSE and (near or precise))


def is_worth_a_look(one: Measurements) -> bool:
    """Whether the figures speak for a copy, but not beyond doubt."""
    near = one.hamming <= HASH_REVIEW and one.dense >= HASH_REVIEW_DENSE
    near |= one.hamming <= HASH_NEAR and one.precision >= HASH_NEAR_PRECISION
    needed = REVIEW_PRECISION if one.inliers >= MIN_INLIERS else CERTAIN_PRECISION
    precise = one.precision >= needed and (one.excess <= MAX_EXCESS or one.in_place >= IN_PLACE)
    explained = AGREEING_EXCESS if one.dense >= CERTAIN_DENSE else NOISE_EXCESS
    noisy = one.inliers >= MANY_INLIERS and one.excess <= explained
    return near or ((one.dense + one.in_place) / 2 >= REVIEW_AGREEMENT and (precise or noisy))


def _doubts(one: Measurements) -> tuple[str, ...]:
    doubts = {
        "few-inliers": one.inliers < MANY_INLIERS or one.patches < MIN_PATCHES,
        "weak-agreement": one.dense < CERTAIN_DENSE,
        "shared-overlay": one.drift <= DRIFT and one.in_place < IN_PLACE,
        "imprecise": one.drift > DRIFT,
    }
    return tuple(name for name, holds in doubts.items() if holds) or ("imprecise",)
