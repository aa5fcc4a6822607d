"""Calibration: converts the measurements of a pair to a probability, and bounds the rate of false alarms.

A calibration is data, not code. Bundles contain its canonical JSON (RFC 8785). With that file and the measurements,
anybody can recompute the probability with a pocket calculator:

1. Compute ``score = intercept + Σ weight · figure`` over the named figures (:data:`MEASUREMENT_FUNCTIONS`).
2. Interpolate the probability linearly between the knots (pairs of score and probability). It is constant before the
   first and after the last knot.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

from exhibit.comparison.rate_bounds import compute_anytime_upper_bound, compute_upper_bound, to_per_million
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import IntegrityError
from exhibit.types import Decision, Verification

CALIBRATION_FORMAT = "exhibit-calibration/1"
SHIPPED_MODEL = "descriptor@1"
"""Name and version of the model that is included in Exhibit."""
DECIMALS = 4
"""Decimals of a probability. Knots are limited to probabilities that the number of photographs supports."""
UNCALIBRATED_REASONS = frozenset(
    {"low-information", "plain", "collage", "page", "negative", "pieces", "hash", "mark", "series", "derived"}
)
"""Reasons for which a calibration on photographs does not apply. The first four, and marks shared by an owner's works,
are properties of the registered image itself: unrelated images agree with such works for reasons other than copying.
For other reasons, some measurements are of the unchanged found image and some of its negative or of its pieces.
``series`` depends on the measurements of other pairs; ``derived`` works are not copies.
"""
MIN_IN_PLACE = 0.5
"""Fraction of patches in place below which no probability is stated. The common parts of two drawings of laptops also
agree precisely, and the edited photographs used for calibration contain few such pairs.
"""
UNRELATED_DISTANCE = 128
"""Average number of bits by which the hashes of unrelated images differ."""
MAX_DRIFT = 2.0
"""Drift in pixels above which a larger drift makes no difference."""
_JSON_FIELDS = (
    "name", "made", "pipeline", "network", "data", "photographs", "prior", "figures", "weights", "intercept", "knots",
)  # fmt: skip
"""Fields that are stored in the JSON unchanged."""

MEASUREMENT_FUNCTIONS: Mapping[str, Callable[[Verification], float]] = {
    "log-inliers": lambda pair: math.log1p(pair.inliers),
    "dense": lambda pair: pair.dense,
    "hash": lambda pair: max(0.0, 1 - pair.hamming / UNRELATED_DISTANCE),
    "overlap-work": lambda pair: pair.overlap_work,
    "overlap-picture": lambda pair: pair.overlap_picture,
    "placed": lambda pair: float(pair.in_place is not None),
    "in-place": lambda pair: pair.in_place or 0.0,
    "drift": lambda pair: min(pair.drift or 0.0, MAX_DRIFT),
    "imprecise": lambda pair: float("imprecise" in pair.reasons),
    "shared-overlay": lambda pair: float("shared-overlay" in pair.reasons),
}
"""Inputs of a model by name. Each is a plain function of the stored and sealed measurements of a pair."""


def get_measurements(
    verification: Verification, names: Sequence[str] = tuple(MEASUREMENT_FUNCTIONS)
) -> tuple[float, ...]:
    """Return the measurements of a pair in the order of their names."""
    return tuple(MEASUREMENT_FUNCTIONS[name](verification) for name in names)


def is_calibrated(verification: Verification) -> bool:
    """Return True if a calibration that was fitted to photographs applies to the pair."""
    return UNCALIBRATED_REASONS.isdisjoint(verification.reasons)


@dataclass(frozen=True, slots=True)
class FalseAlarmBound:
    """Number of false alarms in a test, and the bounds of their rate."""

    photographs: int  # number of independent photographs that were searched for; edits of one photograph count once
    false_alarms: int  # number of photographs for which an unrelated image was reported as a copy

    @property
    def per_million(self) -> int:
        """Upper bound of false alarms in a million images, with 95% confidence, for a test of fixed size."""
        return to_per_million(compute_upper_bound(self.false_alarms, self.photographs))

    @property
    def per_million_at_any_time(self) -> int:
        """Upper bound of false alarms in a million images, valid even if the test may be stopped at any time."""
        return to_per_million(compute_anytime_upper_bound(self.false_alarms, self.photographs))

    @property
    def description(self) -> str:
        """Text that states the bound and the test that it comes from."""
        searched = f"from {self.photographs:,} photographs, each searched for among the other {self.photographs - 1:,}"
        count_text = f"{searched}, with {self.false_alarms:,} false alarms"
        return f"at most {self.per_million:,} false alarms in a million pictures, 95%, {count_text}"


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """Ratio of the frequency of the measurements among copies to their frequency among unrelated images."""

    value: float  # ratio, above 0
    limited: bool  # true if the measurements suggest a stronger ratio than the number of photographs supports


def compute_likelihood_ratio(probability: float, prior: float, photographs: int) -> LikelihoodRatio:
    """Return the odds after the measurement divided by the prior odds. Readers multiply their own prior odds by it.

    The sample size limits the ratio. The curve is based on half of the photographs. If none of ``n`` unrelated images
    scores as high, their rate may still be as high as the one-sided 95% bound of Clopper and Pearson, about 3 / n. The
    ratio is therefore at most the inverse of that bound, and at least the bound itself.
    """
    min_rate = compute_upper_bound(0, photographs // 2)
    odds = probability * (1 - prior)
    odds_against = (1 - probability) * prior
    if odds >= odds_against / min_rate:
        return LikelihoodRatio(1 / min_rate, odds > odds_against / min_rate)
    return LikelihoodRatio(max(odds / odds_against, min_rate), odds < odds_against * min_rate)


@dataclass(frozen=True)
class Calibration:
    """Parameters that convert measurements to a probability."""

    name: str  # such as `default-2026-11`
    made: str  # date, ISO 8601
    pipeline: str  # version of the comparison that produces the measurements
    data: str  # description of the measured data
    photographs: int  # number of photographs behind weights and knots
    prior: float  # fraction of copies among the pairs before any measurement, as the probability assumes
    figures: tuple[str, ...]  # names of the measurements, see :data:`MEASUREMENT_FUNCTIONS`
    weights: tuple[float, ...]  # one for each figure
    intercept: float  # constant term of the score
    knots: tuple[tuple[float, float], ...]  # score and probability, both rising
    certain: FalseAlarmBound  # false alarms among pairs decided as certain
    review: FalseAlarmBound  # false alarms among pairs decided as review
    network: str = SHIPPED_MODEL
    """Name and version of the model whose search proposed the pairs."""

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the canonical JSON, which identifies the calibration."""
        return Digest.from_bytes(self.to_json())

    def get_bound(self, decision: Decision) -> FalseAlarmBound:
        """Return the false-alarm bound for a decision. The bound for ``review`` excludes certain pairs."""
        return self.certain if decision is Decision.CERTAIN else self.review

    def compute_score(self, verification: Verification) -> float:
        """Return the weighted sum of the measurements. Raises ``ValueError`` or ``ArithmeticError`` if invalid."""
        values = get_measurements(verification, self.figures)
        score = self.intercept + math.fsum(weight * value for weight, value in zip(self.weights, values, strict=True))
        if not math.isfinite(score):
            raise ArithmeticError("a score must be finite")
        return score

    def compute_probability(self, verification: Verification) -> float | None:
        """Return the probability of a copy; ``None`` if the calibration does not apply to the pipeline or the pair."""
        if verification.pipeline != self.pipeline or not is_calibrated(verification):
            return None
        return round(interpolate_knots(self.compute_score(verification), self.knots), DECIMALS)

    def compute_ratio(self, probability: float) -> LikelihoodRatio:
        """Return the likelihood ratio for a probability of this calibration."""
        return compute_likelihood_ratio(probability, self.prior, self.photographs)

    def to_json(self) -> bytes:
        """Return the canonical JSON (RFC 8785), from which the digest is computed."""
        bounds = {"certain": _bound_to_json(self.certain), "review": _bound_to_json(self.review)}
        return encode_canonical(
            {"format": CALIBRATION_FORMAT, "bounds": bounds, **{name: getattr(self, name) for name in _JSON_FIELDS}}
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Parse a calibration. Raises ``IntegrityError`` if it is invalid or not in its canonical form."""
        try:
            calibration = cls(**_parse_fields(json.loads(data)))
            is_valid = _is_valid(calibration) and calibration.to_json() == data
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
            raise IntegrityError("The calibration cannot be read.", hint=_HINT) from error
        if not is_valid:
            raise IntegrityError("The calibration is not in canonical form, or is inconsistent.", hint=_HINT)
        return calibration


_HINT = "Use a calibration written by `exhibit calibrate`."


def add_probability(verification: Verification, calibration: Calibration | None) -> Verification:
    """Return the verification with its calibrated probability.

    The probability is ``None`` if no match was found, if less than half of the patches are in place, or if the
    calibration does not apply.
    """
    probability, is_match = None, verification.decision in (Decision.CERTAIN, Decision.REVIEW)
    has_little_in_place = verification.in_place is not None and verification.in_place < MIN_IN_PLACE
    if calibration is not None and is_match and not has_little_in_place:
        probability = calibration.compute_probability(verification)
    digest = None if calibration is None or probability is None else calibration.digest
    return replace(verification, probability=probability, calibration=digest)


def interpolate_knots(score: float, knots: Sequence[tuple[float, float]]) -> float:
    """Return the value at a score, interpolated linearly between knots."""
    if score <= knots[0][0]:
        return knots[0][1]
    for (left, low), (right, high) in pairwise(knots):
        if score < right:
            return low + (high - low) * (score - left) / (right - left)
    return knots[-1][1]


def _bound_to_json(bound: FalseAlarmBound) -> dict[str, int]:
    return {"photographs": bound.photographs, "failed": bound.false_alarms, "at_most_in_a_million": bound.per_million}


def _parse_fields(record: dict[str, Any]) -> dict[str, Any]:
    if set(record) != {*_JSON_FIELDS, "format", "bounds"} or record.pop("format") != CALIBRATION_FORMAT:
        raise ValueError("unexpected fields, or another format")
    bounds = record.pop("bounds")
    texts = [record[key] for key in ("name", "made", "pipeline", "network", "data")]
    if any(type(text) is not str for text in texts) or type(record["photographs"]) is not int:
        raise ValueError("a field has the wrong type")
    return {
        **record,
        "intercept": float(record["intercept"]),
        "figures": tuple(record["figures"]),
        "weights": tuple(map(float, record["weights"])),
        "knots": tuple((float(score), float(value)) for score, value in record["knots"]),
        **{
            name: FalseAlarmBound(int(bounds[name]["photographs"]), int(bounds[name]["failed"]))
            for name in ("certain", "review")
        },
    }


def _is_valid(calibration: Calibration) -> bool:
    numbers = (*calibration.weights, calibration.intercept, *(number for knot in calibration.knots for number in knot))
    return (
        set(calibration.figures) <= set(MEASUREMENT_FUNCTIONS)
        and len(set(calibration.figures)) == len(calibration.figures) == len(calibration.weights)
        and bool(calibration.knots)
        and all(map(math.isfinite, numbers))
        and all(left[0] < right[0] and left[1] <= right[1] for left, right in pairwise(calibration.knots))
        and 0 <= calibration.knots[0][1] <= calibration.knots[-1][1] <= 1
        and 0 < calibration.prior < 1
    )
