"""Calibration: converts the measurements of a pair to a probability, and bounds the rate of false alarms.

It is data, not code. Its canonical JSON (RFC 8785) is part of bundles. With that file and the measurements, anybody can
recompute the probability with a pocket calculator:

1. ``score = intercept + Σ weight · figure`` over the named figures (:data:`FIGURES`);
2. the probability is interpolated linearly between the knots, which are pairs of score and probability; before the
   first and after the last knot it is constant.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

from exhibit.comparison.rate_bounds import per_million, upper_bound, upper_bound_at_any_time
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import IntegrityError
from exhibit.types import Decision, Verification

CALIBRATION_FORMAT = "exhibit-calibration/1"
SHIPPED_NETWORK = "descriptor@1"
"""Name and version of the network that comes with Exhibit."""
DECIMALS = 4
"""Decimals of a probability. Knots never exceed what the number of photographs supports."""
FITTED = frozenset(
    {"low-information", "plain", "collage", "page", "negative", "pieces", "hash", "mark", "series", "derived"}
)
"""Reasons for which a calibration on photographs makes no statement. The first four, and marks shared by an owner's
works, are properties of the registered image itself: unrelated images agree with such works for reasons other than
copying. For the others, the measurements are of different forms of the found image: some of the image as it is,
some of its negative or of its pieces. ``series`` follows from the measurements of other pairs; ``derived`` works are
not copies.
"""
LEAST_IN_PLACE = 0.5
"""Share of patches in place below which no probability is stated: the common parts of two drawn laptops are precise,
too, and the photographs in edits from which calibrations are measured contain few such pairs.
"""
UNRELATED = 128
"""Average number of bits by which the hashes of unrelated images differ."""
FAR_DRIFT = 2.0
"""Drift in pixels above which a larger drift makes no difference."""
_PLAIN = (
    "name", "made", "pipeline", "network", "data", "photographs", "prior", "figures", "weights", "intercept", "knots",
)  # fmt: skip
"""Fields that are stored in the JSON unchanged."""

FIGURES: Mapping[str, Callable[[Verification], float]] = {
    "log-inliers": lambda pair: math.log1p(pair.inliers),
    "dense": lambda pair: pair.dense,
    "hash": lambda pair: max(0.0, 1 - pair.hamming / UNRELATED),
    "overlap-work": lambda pair: pair.overlap_work,
    "overlap-picture": lambda pair: pair.overlap_picture,
    "placed": lambda pair: float(pair.in_place is not None),
    "in-place": lambda pair: pair.in_place or 0.0,
    "drift": lambda pair: min(pair.drift or 0.0, FAR_DRIFT),
    "imprecise": lambda pair: float("imprecise" in pair.reasons),
    "shared-overlay": lambda pair: float("shared-overlay" in pair.reasons),
}
"""Inputs of a model by name. Each is a plain function of the stored and sealed measurements of a pair."""


def figures(verification: Verification, names: Sequence[str] = tuple(FIGURES)) -> tuple[float, ...]:
    """Return the measurements of a pair in the order of their names."""
    return tuple(FIGURES[name](verification) for name in names)


def is_measurable(verification: Verification) -> bool:
    """Return True if a calibration on photographs makes a statement about such a pair."""
    return FITTED.isdisjoint(verification.reasons)


@dataclass(frozen=True, slots=True)
class Bound:
    """Number of false alarms observed in a test."""

    photographs: int  # number of independent photographs that were searched for; edits of one photograph count once
    failed: int  # number of these for which another image was taken for a copy

    @property
    def per_million(self) -> int:
        """Upper bound of false alarms in a million images, with 95% confidence (``confidence.upper_bound``)."""
        return per_million(upper_bound(self.failed, self.photographs))

    @property
    def per_million_at_any_time(self) -> int:
        """The same bound, valid whenever counting is stopped (``confidence.upper_bound_at_any_time``)."""
        return per_million(upper_bound_at_any_time(self.failed, self.photographs))

    @property
    def in_words(self) -> str:
        """The bound as a text, in the same wording everywhere."""
        searched = f"from {self.photographs:,} photographs, each searched for among the other {self.photographs - 1:,}"
        count_text = f"{searched}, with {self.failed:,} false alarms"
        return f"at most {self.per_million:,} false alarms in a million pictures, 95%, {count_text}"


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """Likelihood ratio: how much more frequent the measurements are among copies than among other images."""

    value: float  # ratio, above 0
    limited: bool  # whether the measurements give a stronger ratio than the number of photographs supports


def likelihood_ratio(probability: float, prior: float, photographs: int) -> LikelihoodRatio:
    """Return the odds after the measurement divided by the prior odds. Readers multiply their own prior odds by it.

    The ratio is limited by the sample. The curve is based on half of the photographs. If none of ``n`` unrelated images
    scores as high, their rate may still be the one-sided 95% bound of Clopper and Pearson, about 3 / n. The strongest
    ratio stated is the inverse of that bound, and the weakest is the bound itself.
    """
    least = upper_bound(0, photographs // 2)
    odds = probability * (1 - prior)
    against = (1 - probability) * prior
    if odds >= against / least:
        return LikelihoodRatio(1 / least, odds > against / least)
    return LikelihoodRatio(max(odds / against, least), odds < against * least)


@dataclass(frozen=True)
class Calibration:
    """Parameters that convert measurements to a probability."""

    name: str  # such as `default-2026-11`
    made: str  # date, ISO 8601
    pipeline: str  # version of the comparison whose measurements it applies to
    data: str  # description of the measured data
    photographs: int  # number of photographs behind weights and knots
    prior: float  # share of copies among the pairs that the probability assumes before any measurement
    figures: tuple[str, ...]  # names of the figures, see `FIGURES`
    weights: tuple[float, ...]  # one for each figure
    intercept: float  # of the score
    knots: tuple[tuple[float, float], ...]  # score and probability, both rising
    certain: Bound  # false alarms among pairs decided as certain
    review: Bound  # false alarms among pairs decided as review
    network: str = SHIPPED_NETWORK
    """Name and version of the network whose search proposed the pairs."""

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the canonical JSON, which identifies the calibration."""
        return Digest.of(self.to_json())

    def bound(self, decision: Decision) -> Bound:
        """Return the false alarms for a decision. Those of ``review`` exclude certain pairs."""
        return self.certain if decision is Decision.CERTAIN else self.review

    def score(self, verification: Verification) -> float:
        """Return the weighted sum of the measurements. Raises ``ValueError`` or ``ArithmeticError`` if invalid."""
        values = figures(verification, self.figures)
        score = self.intercept + math.fsum(weight * value for weight, value in zip(self.weights, values, strict=True))
        if not math.isfinite(score):
            raise ArithmeticError("a score has to be finite")
        return score

    def probability(self, verification: Verification) -> float | None:
        """Return the probability of a copy; ``None`` for another pipeline version or an uncovered pair."""
        if verification.pipeline != self.pipeline or not is_measurable(verification):
            return None
        return round(between(self.score(verification), self.knots), DECIMALS)

    def ratio(self, probability: float) -> LikelihoodRatio:
        """Return the likelihood ratio of a probability of this calibration, without its prior."""
        return likelihood_ratio(probability, self.prior, self.photographs)

    def to_json(self) -> bytes:
        """Return the canonical JSON (RFC 8785), from which the digest is computed."""
        bounds = {"certain": _plain_bound(self.certain), "review": _plain_bound(self.review)}
        return canonical(
            {"format": CALIBRATION_FORMAT, "bounds": bounds, **{name: getattr(self, name) for name in _PLAIN}}
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse a calibration. Raises ``IntegrityError`` if it is invalid or not in its canonical form."""
        try:
            calibration = cls(**_fields(json.loads(data)))
            sound = _is_sound(calibration) and calibration.to_json() == data
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
            raise IntegrityError("The calibration can't be read.", hint=_HINT) from error
        if not sound:
            raise IntegrityError("The calibration isn't in its one canonical form, or contradicts itself.", hint=_HINT)
        return calibration


_HINT = "Use one that exhibit calibrate has written."


def calibrated(verification: Verification, calibration: Calibration | None) -> Verification:
    """Return the verification with its calibrated probability.

    There is none if no match was found, if less than half of the work is in place, or if the calibration does not
    apply.
    """
    probability, is_match = None, verification.decision in (Decision.CERTAIN, Decision.REVIEW)
    is_little = verification.in_place is not None and verification.in_place < LEAST_IN_PLACE
    if calibration is not None and is_match and not is_little:
        probability = calibration.probability(verification)
    identity = None if calibration is None or probability is None else calibration.digest
    return replace(verification, probability=probability, calibration=identity)


def between(score: float, knots: Sequence[tuple[float, float]]) -> float:
    """Return the value at a score, interpolated linearly between knots."""
    if score <= knots[0][0]:
        return knots[0][1]
    for (left, low), (right, high) in pairwise(knots):
        if score < right:
            return low + (high - low) * (score - left) / (right - left)
    return knots[-1][1]


def _plain_bound(bound: Bound) -> dict[str, int]:
    return {"photographs": bound.photographs, "failed": bound.failed, "at_most_in_a_million": bound.per_million}


def _fields(plain: dict[str, Any]) -> dict[str, Any]:
    if set(plain) != {*_PLAIN, "format", "bounds"} or plain.pop("format") != CALIBRATION_FORMAT:
        raise ValueError("other fields, or another format")
    bounds = plain.pop("bounds")
    texts = [plain[key] for key in ("name", "made", "pipeline", "network", "data")]
    if any(type(text) is not str for text in texts) or type(plain["photographs"]) is not int:
        raise ValueError("a field of another type")
    return {
        **plain,
        "intercept": float(plain["intercept"]),
        "figures": tuple(plain["figures"]),
        "weights": tuple(map(float, plain["weights"])),
        "knots": tuple((float(score), float(value)) for score, value in plain["knots"]),
        **{
            name: Bound(int(bounds[name]["photographs"]), int(bounds[name]["failed"])) for name in ("certain", "review")
        },
    }


def _is_sound(calibration: Calibration) -> bool:
    numbers = (*calibration.weights, calibration.intercept, *(number for knot in calibration.knots for number in knot))
    return (
        set(calibration.figures) <= set(FIGURES)
        and len(set(calibration.figures)) == len(calibration.figures) == len(calibration.weights)
        and bool(calibration.knots)
        and all(map(math.isfinite, numbers))
        and all(left[0] < right[0] and left[1] <= right[1] for left, right in pairwise(calibration.knots))
        and 0 <= calibration.knots[0][1] <= calibration.knots[-1][1] <= 1
        and 0 < calibration.prior < 1
    )
