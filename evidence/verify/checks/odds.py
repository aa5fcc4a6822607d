"""Check of odds: the sealed values and weights must give the sealed odds, and the decision must follow from the odds.

The terms are defined by :data:`ODDS_MODEL_FORMAT` and never change: a different measurement needs a new name. This
module implements them independently of the code that computed the odds of the pair.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from evidence.facts.case import CaseFacts, DecisionFacts, MatchFacts, OddsModelFacts
from evidence.facts.shipped import WEIGHINGS, is_shipped
from evidence.formats.codec import Canonical, FormatError, from_plain, parse_canonical
from evidence.verdict.result import Check, State, expect, fail_check, pass_check, run_check, skip_check
from evidence.verify.checks.inspection import Inspection
from exhibit.comparison.odds import (
    EXCESS_RANGE,
    FULL_WEIGHT_PATCHES,
    NEAR_HASH_RANGE,
    OTHER_PICTURE_FRACTION,
    PIECES_EXCESS_RANGE,
    PIECES_OTHER_PICTURE_FRACTION,
    UNCOMPARED_DISTANCE,
    UNMEASURED_DRIFT,
    UNMEASURED_EXCESS,
    UNMEASURED_ROUGHNESS,
    UNRELATED_HASH_DISTANCE,
    VISIBLE_EXCESS_RANGE,
    VISIBLE_RANGE,
)
from exhibit.digests import Digest
from exhibit.types import Count, Decision, Verification

ODDS_MODEL_FORMAT = "exhibit-weighing/1"
TOLERANCE = 0.001
"""Maximum difference between sealed and recomputed odds; odds are sealed with four decimals."""
IN_PLACE_TOLERANCE = 0.0001  # the match also states the fraction in place, with four decimals
# maximum number of odds models read; bundles by Exhibit name one for each version of the comparison
MAX_ODDS_MODELS = 16
DENSE_TOLERANCE = 0.05
"""Maximum by which the similarity in the values may exceed the stated similarity, which covers the whole work."""
FRACTIONS = (
    "dense", "in_place", "cover", "pieces_in_place", "pieces_dense", "another", "pieces_another", "alike",
    "visible", "visible_in_place",
)  # fmt: skip
NON_NEGATIVE_VALUES = (
    "drift",
    "excess",
    "roughness",
    "pieces_excess",
    "visible_excess",
    "patches",
    "inliers",
    "matches",
    "agreeing",
    "hamming",
)
MINOR_REASONS = frozenset({"pieces", "plain"})
"""Reasons that describe the alignment of picture and work, and prevent no decision."""

MatchValues = Mapping[str, float | None]


def _get_number(figures: MatchValues, name: str, default: float | None = None) -> float:
    """Return a value, or the default if it was not measured.

    Raises:
        ValueError: The value is missing, or was not measured and has no default.
    """
    value = figures.get(name)
    number = default if value is None else value
    if number is None or name not in figures:
        raise ValueError(f"no value {name} exists")
    return number


def _compute_distinctness(figures: MatchValues, name: str, fraction: float = OTHER_PICTURE_FRACTION) -> float:
    value = _get_number(figures, name, fraction)
    return max(0.0, 1 - value / fraction)


def _compute_firmness(figures: MatchValues) -> float:
    fraction = _get_number(figures, "in_place", 0.0) * min(
        1.0, _get_number(figures, "patches", 0.0) / FULL_WEIGHT_PATCHES
    )
    return fraction * _scale_falling(_get_number(figures, "excess", UNMEASURED_EXCESS), *EXCESS_RANGE)


def _compute_piece_firmness(figures: MatchValues) -> float:
    return _compute_fraction_in_place(figures) * _scale_falling(
        _get_number(figures, "pieces_excess", UNMEASURED_EXCESS), *PIECES_EXCESS_RANGE
    )


def _compute_visible_precision(figures: MatchValues) -> float:
    size = 1 - _scale_falling(_get_number(figures, "visible", 0.0), *VISIBLE_RANGE)
    noise = _scale_falling(_get_number(figures, "visible_excess", UNMEASURED_EXCESS), *VISIBLE_EXCESS_RANGE)
    return size * noise * _get_number(figures, "visible_in_place", 0.0)


def _scale_falling(value: float, start: float, end: float) -> float:
    return min(1.0, max(0.0, (end - value) / (end - start)))


def _compute_fraction_in_place(figures: MatchValues) -> float:
    return _get_number(figures, "cover", 0.0) * _get_number(figures, "pieces_in_place", 0.0)


TERMS: Mapping[str, Callable[[MatchValues], float]] = MappingProxyType(
    {
        "hash": lambda values: (
            max(0.0, UNRELATED_HASH_DISTANCE - _get_number(values, "hamming")) / UNRELATED_HASH_DISTANCE
        ),
        "near_hash": lambda values: _scale_falling(_get_number(values, "hamming"), *NEAR_HASH_RANGE),
        "inliers": lambda values: math.log1p(_get_number(values, "inliers")),
        "dense": lambda values: _get_number(values, "dense"),
        "agreeing": lambda values: math.log1p(_get_number(values, "agreeing")),
        "agreeing_share": lambda values: _get_number(values, "agreeing") / max(1.0, _get_number(values, "matches")),
        "in_place": lambda values: _get_number(values, "in_place", 0.0),
        "drift": lambda values: -min(_get_number(values, "drift", UNMEASURED_DRIFT), UNMEASURED_DRIFT),
        "excess": lambda values: -math.log(0.1 + _get_number(values, "excess", UNMEASURED_EXCESS)),
        "patches": lambda values: math.log1p(_get_number(values, "patches", 0.0)),
        "cover": lambda values: _get_number(values, "cover", 0.0),
        "roughness": lambda values: -math.log(0.02 + _get_number(values, "roughness", UNMEASURED_ROUGHNESS)),
        "pieces_in_place": lambda values: _get_number(values, "pieces_in_place", 0.0),
        "pieces_excess": lambda values: -math.log(0.1 + _get_number(values, "pieces_excess", UNMEASURED_EXCESS)),
        "shown": _compute_fraction_in_place,
        "firm": _compute_firmness,
        "firm_alone": lambda values: _compute_firmness(values) * _compute_distinctness(values, "another"),
        "pieces_firm": _compute_piece_firmness,
        "pieces_firm_clear": lambda values: (
            _compute_piece_firmness(values)
            * _compute_distinctness(values, "pieces_another", PIECES_OTHER_PICTURE_FRACTION)
        ),
        "visible": _compute_visible_precision,
    }
)
"""Terms of the sum as functions of the values, by name; ``docs/reference/match-figures.md`` lists the formulae."""


@dataclass(frozen=True, slots=True)
class RelatedWeights:
    """Weights of the odds that a picture is related to a work, and the limit for a related picture."""

    intercept: float  # initial value of the sum
    weights: Mapping[str, float]  # by the names of their terms
    limit: float  # logarithm of the odds, for the number of works in ``works``
    works: Count  # number of works for which the limit holds
    decade: float  # increase of the limit for ten times as many works


@dataclass(frozen=True, slots=True)
class ExposureWeights:
    """Weights of the odds that a picture shows this very work, and the limits for review and certainty."""

    intercept: float  # initial value of the sum
    weights: Mapping[str, float]  # by the names of their terms
    review: float  # logarithm of odds
    certain: float  # logarithm of odds
    review_weights: Mapping[str, float]  # further weights, by the names of their terms, which count for a review only


@dataclass(frozen=True, slots=True)
class OddsModelFile(Canonical):
    """Sealed odds model: weights for the values of a version of the comparison."""

    pipeline: str  # version of the comparison
    related: RelatedWeights  # odds that a picture is related to a work
    exposure: ExposureWeights  # odds that it shows this very work
    format: str = ODDS_MODEL_FORMAT  # defines the terms

    def compute_odds(self, figures: MatchValues) -> tuple[float, float]:
        """Compute the logarithms of both odds; raises ``ValueError`` or ``ArithmeticError`` for unusable values."""
        related, exposure = (
            model.intercept + math.fsum(weight * TERMS[name](figures) for name, weight in model.weights.items())
            for model in (self.related, self.exposure)
        )
        if not (math.isfinite(related) and math.isfinite(exposure)):
            raise ArithmeticError("odds must be finite")
        return related, exposure

    def compute_review_odds(self, figures: MatchValues) -> float:
        """Compute the logarithm of the odds for a review; raises as :meth:`compute_odds`."""
        further = (weight * TERMS[name](figures) for name, weight in self.exposure.review_weights.items())
        return self.compute_odds(figures)[1] + math.fsum(further)


OddsModels = Mapping[str, OddsModelFile | Check]
"""Odds models by version of the comparison, or the check that replaces all odds based on the model."""


def build_odds_model_facts(odds_model: OddsModelFile, file: str) -> OddsModelFacts:
    """Build the facts of an odds model in a file."""
    return OddsModelFacts(odds_model.pipeline, Digest.from_bytes(odds_model.to_json()), file)


def read_odds_models(inspection: Inspection, facts: CaseFacts) -> OddsModels:
    """Read the odds models that the facts name, each once."""
    limit_check = skip_check("odds", f"More than {MAX_ODDS_MODELS} sets of weights are listed.")
    weighings: dict[str, OddsModelFile | Check] = {
        weighing_facts.pipeline: limit_check for weighing_facts in facts.weighings
    }
    return weighings | {
        weighing_facts.pipeline: _read_odds_model(inspection, weighing_facts)
        for weighing_facts in facts.weighings[:MAX_ODDS_MODELS]
    }


def _read_odds_model(inspection: Inspection, entry: OddsModelFacts) -> OddsModelFile | Check:
    if entry.file in inspection.withheld:
        return skip_check("odds", f"{entry.file} is withheld from this copy.")
    try:
        record = parse_canonical(inspection.read_file(entry.file), label=entry.file)
        weighing = from_plain(OddsModelFile, record, location=entry.file)
        is_same = build_odds_model_facts(weighing, entry.file) == entry
        expect(is_same, f"{entry.file} is not the set of weights listed in facts.json.")
    except FormatError as error:
        return fail_check("odds", error.message)
    weights = {**weighing.related.weights, **weighing.exposure.weights, **weighing.exposure.review_weights}
    if unknown := weights.keys() - TERMS.keys():
        return skip_check("odds", f"{entry.file} contains an unknown term: {min(unknown)[:80]!r}.")
    return weighing


def check_odds(match: MatchFacts, odds_models: OddsModels, decision: DecisionFacts) -> Check:
    """Check that weights and values give the sealed odds, and that the decision follows from them (``odds:NN``)."""
    name, verification = f"odds:{match.number:02d}", match.verification
    odds_model = odds_models.get(verification.pipeline)
    failed_checks = (
        check for check in odds_models.values() if isinstance(check, Check) and check.state is State.FAILED
    )
    if odds_model is None and (failed_check := next(failed_checks, None)) is not None:
        return replace(failed_check, name=name)
    if odds_model is None:
        return skip_check(name, f"The bundle lacks the weights that {verification.pipeline} uses for log-odds.")
    if isinstance(odds_model, Check):
        return replace(odds_model, name=name)
    return run_check(name, _check_sealed_odds, name, verification, odds_model, decision)


def _check_sealed_odds(
    name: str, verification: Verification, odds_model: OddsModelFile, decision: DecisionFacts
) -> Check:
    if verification.related is None or verification.exposure is None:
        raise FormatError("Only one of the two log-odds is stated.")
    try:
        related, exposure = odds_model.compute_odds(verification.figures)
        review = odds_model.compute_review_odds(verification.figures)
    except (ValueError, ArithmeticError) as error:
        raise FormatError("Log-odds cannot be computed from these values.") from error
    values_text = (
        f"in the bundle {verification.related:.3f} and {verification.exposure:.3f}, recomputed "
        f"{related:.3f} and {exposure:.3f}"
    )
    is_same = max(abs(related - verification.related), abs(exposure - verification.exposure)) <= TOLERANCE
    expect(is_same, f"The values and weights do not give the log-odds in the bundle: {values_text}.")
    problem = (
        _find_impossible_value(verification)
        or _find_contradiction(verification)
        or _explain_unsupported_decision(verification, odds_model, related, exposure, review)
    )
    expect(not problem, problem)
    if verification.decision is Decision.RELATED and decision.demonstration:
        return skip_check(name, "The picture is only related to the work; the demonstration setting opened the case.")
    digest = Digest.from_bytes(odds_model.to_json())
    short_digest = digest.hex[:12]
    message = f"The values and weights of {verification.pipeline} ({short_digest}) give the log-odds: {values_text}."
    message = f"{message} The decision {verification.decision} follows from them."
    if not is_shipped(digest, WEIGHINGS):
        return skip_check(name, f"unknown weights: {message} Only the installation states that they were measured.")
    return pass_check(name, message)


def _find_impossible_value(verification: Verification) -> str:
    """Return a problem if the values are impossible or contradict the recomputed ones; else empty."""
    values = {name: value for name, value in verification.figures.items() if value is not None}
    impossible_names = [name for name in FRACTIONS if not 0 <= values.get(name, 0.0) <= 1]
    impossible_names += [name for name in NON_NEGATIVE_VALUES if values.get(name, 0.0) < 0]
    if impossible_names:
        return f"The value {impossible_names[0]} is out of range."
    if values.get("agreeing", 0.0) > values.get("matches", math.inf):
        return "According to the match, more details agree than were compared."
    # The values cover the whole work
    is_whole_work = values.get("hamming") != UNCOMPARED_DISTANCE and "negative" not in verification.reasons
    stated_dense = values.get("pieces_dense" if verification.pieces else "dense", 0.0)
    if is_whole_work and stated_dense > verification.dense + DENSE_TOLERANCE:
        return "The similarity in the values is higher than that of the match."
    return ""


def _find_contradiction(verification: Verification) -> str:
    """Return a problem if a match contradicts its own values; else empty."""
    values, inverted = verification.figures, "negative" in verification.reasons
    count = values.get("agreeing" if verification.pieces else "inliers")
    in_place = values.get("pieces_in_place" if verification.pieces else "in_place")
    matches_by_name = {
        "number of details": verification.inliers == count,
        "hash distance": inverted or values.get("hamming") in {verification.hamming, UNCOMPARED_DISTANCE},
        "share of patches in place": in_place is None
        if verification.in_place is None
        else in_place is not None and abs(in_place - verification.in_place) <= IN_PLACE_TOLERANCE,
    }
    wrong_name = next((name for name, holds in matches_by_name.items() if not holds), "")
    return f"The {wrong_name} of the match differs from its values." if wrong_name else ""


def _explain_unsupported_decision(
    verification: Verification, odds_model: OddsModelFile, related: float, exposure: float, review: float
) -> str:
    """Return the reason why the odds do not support the decision; else empty.

    The check uses the base limit, because the increase of the limit with the number of works is not sealed.
    """
    limits = odds_model.exposure
    is_restricted = not MINOR_REASONS.issuperset(verification.reasons)  # a reason restricted the decision to review
    is_supported = {
        Decision.CERTAIN: exposure >= limits.certain - TOLERANCE,
        Decision.REVIEW: review >= limits.review - TOLERANCE
        and (is_restricted or exposure < limits.certain + TOLERANCE),
        Decision.RELATED: review < limits.review + TOLERANCE,
    }.get(verification.decision)
    if is_supported is None:
        return f"Log-odds are stated for a match with the decision {verification.decision}."
    if related < odds_model.related.limit - TOLERANCE:
        return f"The log-odds are below {odds_model.related.limit:g}, the limit for a related picture."
    if is_supported:
        return ""
    return (
        f"The log-odds ({exposure:.3f}, or {review:.3f} with the visible part) do not support the decision "
        f"{verification.decision}: the limits are {limits.certain:g} for certain and {limits.review:g} for review."
    )
