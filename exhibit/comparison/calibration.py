"""A calibration: how the measured figures of a pair become a probability, and what may be said of false alarms.

It is data, not code. Its canonical JSON (RFC 8785) travels in bundles, and whoever has that file and the figures can
compute the probability again with a pocket calculator:

1. ``score = intercept + Σ weight · figure`` over the named figures (:data:`FIGURES`);
2. the probability is read off the knots, pairs of score and probability, by straight lines between them; before the
   first and behind the last knot it stays as it is there.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Self

from exhibit.comparison.confidence import per_million, upper_bound, upper_bound_at_any_time
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import IntegrityError
from exhibit.types import Decision, Verification

CALIBRATION_FORMAT = "exhibit-calibration/1"
SHIPPED_NETWORK = "descriptor@1"
"""Name and version of the network that comes with Exhibit."""
DECIMALS = 4
"""A probability is rounded to so many decimals. Knots are never beyond what their number of photographs allows."""
HELD = frozenset(
    {"low-information", "plain", "collage", "page", "negative", "pieces", "hash", "mark", "series", "derived"}
)
"""Reasons of which no calibration on photographs says anything. The first four, and marks that an owner's works
share, lie in the registered picture itself: strangers' pictures agree with such works for other causes than
copying. With the others the figures are of different forms of the found picture: some of the picture as it is,
some of its negative or of its pieces. ``series`` follows from the figures of other
pairs; ``derived`` works are no copies."""
LEAST_IN_PLACE = 0.5
"""Share of patches in place below which no probability is stated: what two drawn laptops share is precise, too, and
photographs in edits, by which calibrations are measured, hold few such pairs."""
UNRELATED = 128
"""Bits by which the hashes of unrelated pictures differ, on average."""
FAR_DRIFT = 2.0
"""Pixels; a larger drift says no more."""
_PLAIN = (
    "name", "made", "pipeline", "network", "data", "photographs", "prior", "figures", "weights", "intercept", "knots",
)  # fmt: skip
"""Fields that stand in the JSON as they are."""

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
"""What a model may look at, by name; each is a plain function of what is kept and sealed of a pair."""


def figures(verification: Verification, names: Sequence[str] = tuple(FIGURES)) -> tuple[float, ...]:
    """The figures of a pair, in the order of their names."""
    return tuple(FIGURES[name](verification) for name in names)


def is_measurable(verification: Verification) -> bool:
    """Whether a calibration on photographs says anything of such a pair."""
    return HELD.isdisjoint(verification.reasons)


@dataclass(frozen=True, slots=True)
class Bound:
    """False alarms that were counted."""

    photographs: int  # how many independent photographs were searched for; edits of one are the same one
    failed: int  # in how many of them something was taken for a copy that isn't one

    @property
    def per_million(self) -> int:
        """At most so many in a million pictures, with 95% confidence (``confidence.upper_bound``)."""
        return per_million(upper_bound(self.failed, self.photographs))

    @property
    def per_million_at_any_time(self) -> int:
        """The same, whatever made somebody stop or count on (``confidence.upper_bound_at_any_time``)."""
        return per_million(upper_bound_at_any_time(self.failed, self.photographs))

    @property
    def in_words(self) -> str:
        """The bound as it is printed everywhere."""
        searched = f"from {self.photographs:,} photographs, each searched for among the other {self.photographs - 1:,}"
        counted = f"{searched}, with {self.failed:,} false alarms"
        return f"at most {self.per_million:,} false alarms in a million pictures, 95%, {counted}"


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """How many times as frequent a pair's figures are among copies as among other pictures."""

    value: float  # the ratio, above 0
    limited: bool  # whether the figures give a stronger one than so few photographs support


def likelihood_ratio(probability: float, prior: float, photographs: int) -> LikelihoodRatio:
    """Odds after the measurement over the odds that were supposed before: what a reader's own prior is multiplied by.

    It is held within what was seen. The curve rests on half of the photographs. Where none of ``n`` strangers scores so
    high, their share may still be the one-sided 95% bound of Clopper and Pearson, some 3 / n; one over that bound is
    the strongest ratio that is stated, and the bound itself the weakest.
    """
    least = upper_bound(0, photographs // 2)
    odds = probability * (1 - prior)
    against = (1 - probability) * prior
    if odds >= against / least:
        return LikelihoodRatio(1 / least, odds > against / least)
    return LikelihoodRatio(max(odds / against, least), odds < against * least)


@dataclass(frozen=True)
class Calibration:
    """How figures become a probability."""

    name: str  # such as `default-2026-11`
    made: str  # the day, ISO 8601
    pipeline: str  # version of the comparison whose figures it is for; it says nothing of others
    data: str  # what was measured, in words
    photographs: int  # how many photographs stand behind weights and knots
    prior: float  # share of copies among the pairs that the probability supposes, before anything was measured
    figures: tuple[str, ...]  # names of the figures, see `FIGURES`
    weights: tuple[float, ...]  # one for each figure
    intercept: float  # of the score
    knots: tuple[tuple[float, float], ...]  # score and probability, both rising
    certain: Bound  # false alarms among what is called certain
    review: Bound  # false alarms among what is put up for review
    network: str = SHIPPED_NETWORK
    """Name and version of the network whose search named the pairs."""

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the canonical JSON: the identity."""
        return Digest.of(self.to_json())

    def bound(self, decision: Decision) -> Bound:
        """The false alarms among what is decided so; those of ``review`` for what isn't certain."""
        return self.certain if decision is Decision.CERTAIN else self.review

    def score(self, verification: Verification) -> float:
        """The weighted sum of the figures; raises ``ValueError`` or ``ArithmeticError`` when they can't be figures."""
        measured = figures(verification, self.figures)
        score = self.intercept + math.fsum(weight * value for weight, value in zip(self.weights, measured, strict=True))
        if not math.isfinite(score):
            raise ArithmeticError("a score has to be finite")
        return score

    def probability(self, verification: Verification) -> float | None:
        """The probability of a copy; ``None`` for figures of another version, or that no calibration measures."""
        if verification.pipeline != self.pipeline or not is_measurable(verification):
            return None
        return round(between(self.score(verification), self.knots), DECIMALS)

    def ratio(self, probability: float) -> LikelihoodRatio:
        """What a probability of this calibration says without its prior."""
        return likelihood_ratio(probability, self.prior, self.photographs)

    def to_json(self) -> bytes:
        """Canonical JSON (RFC 8785): the bytes that the digest is of."""
        bounds = {"certain": _plain_bound(self.certain), "review": _plain_bound(self.review)}
        return canonical(
            {"format": CALIBRATION_FORMAT, "bounds": bounds, **{name: getattr(self, name) for name in _PLAIN}}
        )

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read a calibration; raises ``IntegrityError`` when it isn't one, in its one canonical form."""
        try:
            made = cls(**_fields(json.loads(data)))
            sound = _is_sound(made) and made.to_json() == data
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
            raise IntegrityError("The calibration can't be read.", hint=_HINT) from error
        if not sound:
            raise IntegrityError("The calibration isn't in its one canonical form, or contradicts itself.", hint=_HINT)
        return made


_HINT = "Use one that exhibit calibrate has written."


def calibrated(verification: Verification, calibration: Calibration | None) -> Verification:
    """The same figures with their probability.

    There is none where nothing was found, where less than half of the work is in place, and where the calibration
    doesn't fit.
    """
    probability, found = None, verification.decision in (Decision.CERTAIN, Decision.REVIEW)
    is_little = verification.in_place is not None and verification.in_place < LEAST_IN_PLACE
    if calibration is not None and found and not is_little:
        probability = calibration.probability(verification)
    identity = None if calibration is None or probability is None else calibration.digest
    return replace(verification, probability=probability, calibration=identity)


def between(score: float, knots: Sequence[tuple[float, float]]) -> float:
    """The value at a score, by straight lines between knots."""
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


def _is_sound(made: Calibration) -> bool:
    numbers = (*made.weights, made.intercept, *(number for knot in made.knots for number in knot))
    return (
        set(made.figures) <= set(FIGURES)
        and len(set(made.figures)) == len(made.figures) == len(made.weights)
        and bool(made.knots)
        and all(map(math.isfinite, numbers))
        and all(left[0] < right[0] and left[1] <= right[1] for left, right in pairwise(made.knots))
        and 0 <= made.knots[0][1] <= made.knots[-1][1] <= 1
        and 0 < made.prior < 1
    )
