"""Check of odds: the sealed figures and weights must give the sealed odds, and the decision must follow from these.

The terms are those of format :data:`WEIGHING_FORMAT` and never change: a different measurement needs a new name. They
are computed here a second time instead of calling the code that weighed the pair.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from evidence.facts.case import CaseFacts, DecisionFacts, MatchFacts, WeighingFacts
from evidence.facts.shipped import WEIGHINGS, is_shipped
from evidence.formats.codec import Canonical, FormatError, from_plain, parse_canonical
from evidence.verdict.result import Check, State, checked, expect, failed, not_checked, passed
from evidence.verify.checks.inspection import Inspection
from exhibit.comparison.odds import (
    ANOTHER_PICTURE,
    ENOUGH_PATCHES,
    EXCESS,
    FAR_DRIFT,
    FAR_EXCESS,
    FAR_ROUGHNESS,
    HALF_ANOTHER,
    NEAR_HASH,
    NOT_COMPARED,
    PIECES_EXCESS,
)
from exhibit.digests import Digest
from exhibit.types import Count, Decision, Verification

WEIGHING_FORMAT = "exhibit-weighing/1"
TOLERANCE = 0.001
"""Largest difference between sealed and recomputed odds, which are sealed with four decimals."""
IN_PLACE_TOLERANCE = 0.0001  # the match also states the share in place, with four decimals
MAX_WEIGHINGS = 16  # limit of weighings read; Exhibit's bundles name one for each version of the comparison
DENSE_TOLERANCE = 0.05
"""How far the similarity among the figures may exceed the stated one, which is of the whole work."""
SHARES = (
    "dense", "in_place", "cover", "pieces_in_place", "pieces_dense", "another", "pieces_another", "alike",
)  # fmt: skip
LENGTHS = ("drift", "excess", "roughness", "pieces_excess", "patches", "inliers", "matches", "agreeing", "hamming")
MINOR = frozenset({"pieces", "plain"})
"""Reasons that describe how a picture lies on the work, and prevent no decision."""

Figures = Mapping[str, float | None]


def _number(figures: Figures, name: str, otherwise: float | None = None) -> float:
    """Return a figure, or the default if it was not measured; raises ``ValueError`` if it is required."""
    value = figures.get(name)
    number = otherwise if value is None else value
    if number is None or name not in figures:
        raise ValueError(f"no value {name} exists")
    return number


def _alone(figures: Figures, name: str, share: float = ANOTHER_PICTURE) -> float:
    value = _number(figures, name, share)
    return max(0.0, 1 - value / share)


def _firm(figures: Figures) -> float:
    share = _number(figures, "in_place", 0.0) * min(1.0, _number(figures, "patches", 0.0) / ENOUGH_PATCHES)
    return share * _falling(_number(figures, "excess", FAR_EXCESS), *EXCESS)


def _pieces_firm(figures: Figures) -> float:
    return _share_in_place(figures) * _falling(_number(figures, "pieces_excess", FAR_EXCESS), *PIECES_EXCESS)


def _falling(value: float, full: float, none: float) -> float:
    return min(1.0, max(0.0, (none - value) / (none - full)))


def _share_in_place(figures: Figures) -> float:
    return _number(figures, "cover", 0.0) * _number(figures, "pieces_in_place", 0.0)


TERMS: Mapping[str, Callable[[Figures], float]] = MappingProxyType(
    {
        "hash": lambda of: max(0.0, NEAR_HASH - _number(of, "hamming")) / NEAR_HASH,
        "inliers": lambda of: math.log1p(_number(of, "inliers")),
        "dense": lambda of: _number(of, "dense"),
        "agreeing": lambda of: math.log1p(_number(of, "agreeing")),
        "agreeing_share": lambda of: _number(of, "agreeing") / max(1.0, _number(of, "matches")),
        "in_place": lambda of: _number(of, "in_place", 0.0),
        "drift": lambda of: -min(_number(of, "drift", FAR_DRIFT), FAR_DRIFT),
        "excess": lambda of: -math.log(0.1 + _number(of, "excess", FAR_EXCESS)),
        "patches": lambda of: math.log1p(_number(of, "patches", 0.0)),
        "cover": lambda of: _number(of, "cover", 0.0),
        "roughness": lambda of: -math.log(0.02 + _number(of, "roughness", FAR_ROUGHNESS)),
        "pieces_in_place": lambda of: _number(of, "pieces_in_place", 0.0),
        "pieces_excess": lambda of: -math.log(0.1 + _number(of, "pieces_excess", FAR_EXCESS)),
        "shown": _share_in_place,
        "firm": _firm,
        "firm_alone": lambda of: _firm(of) * _alone(of, "another"),
        "pieces_firm": _pieces_firm,
        "pieces_firm_clear": lambda of: _pieces_firm(of) * _alone(of, "pieces_another", HALF_ANOTHER),
    }
)
"""Terms of a sum as functions of the figures, by name; ``docs/reference/match-figures.md`` has the formulae."""


@dataclass(frozen=True, slots=True)
class RelatedWeights:
    """Weights of the odds that a picture is related to a work, and the limit from which that counts."""

    intercept: float  # initial value of the sum
    weights: Mapping[str, float]  # by the names of their terms
    limit: float  # logarithm of odds, for the number of works below
    works: Count  # number of works for which the limit holds
    decade: float  # rise of the limit for ten times as many works


@dataclass(frozen=True, slots=True)
class ExposureWeights:
    """Weights of the odds that a picture shows this very work, and the limits for review and certainty."""

    intercept: float  # initial value of the sum
    weights: Mapping[str, float]  # by the names of their terms
    review: float  # logarithm of odds
    certain: float  # logarithm of odds


@dataclass(frozen=True, slots=True)
class WeighingFile(Canonical):
    """Sealed weights for the figures of a version of the comparison."""

    pipeline: str  # version of the comparison
    related: RelatedWeights  # odds that a picture is related to a work
    exposure: ExposureWeights  # odds that it shows this very work
    format: str = WEIGHING_FORMAT  # defines the terms

    def odds(self, figures: Figures) -> tuple[float, float]:
        """Return the logarithms of both odds; raises ``ValueError`` or ``ArithmeticError`` for unusable figures."""
        related, exposure = (
            question.intercept + math.fsum(weight * TERMS[name](figures) for name, weight in question.weights.items())
            for question in (self.related, self.exposure)
        )
        if not (math.isfinite(related) and math.isfinite(exposure)):
            raise ArithmeticError("odds must be finite")
        return related, exposure


Weighings = Mapping[str, WeighingFile | Check]
"""Each weighing by its version of the comparison, or the check that replaces all odds based on it."""


def weighing_facts(weighing: WeighingFile, file: str) -> WeighingFacts:
    """Return the facts of a weighing in a file."""
    return WeighingFacts(weighing.pipeline, Digest.of(weighing.to_json()), file)


def read_weighings(inspection: Inspection, facts: CaseFacts) -> Weighings:
    """Return the weighings that the facts name, each read once."""
    more = not_checked("odds", f"More than {MAX_WEIGHINGS} weighings are listed.")
    weighings: dict[str, WeighingFile | Check] = {weighing_facts.pipeline: more for weighing_facts in facts.weighings}
    return weighings | {
        weighing_facts.pipeline: _read_weighing(inspection, weighing_facts)
        for weighing_facts in facts.weighings[:MAX_WEIGHINGS]
    }


def _read_weighing(inspection: Inspection, entry: WeighingFacts) -> WeighingFile | Check:
    if entry.file in inspection.withheld:
        return not_checked("odds", f"{entry.file} is withheld from this copy.")
    try:
        plain = parse_canonical(inspection.read_file(entry.file), what=entry.file)
        weighing = from_plain(WeighingFile, plain, where=entry.file)
        same = weighing_facts(weighing, entry.file) == entry
        expect(same, f"{entry.file} is not the weighing named in the facts.")
    except FormatError as error:
        return failed("odds", error.message)
    weights = {**weighing.related.weights, **weighing.exposure.weights}
    if unknown := weights.keys() - TERMS.keys():
        return not_checked("odds", f"{entry.file} contains an unknown term: {min(unknown)[:80]!r}.")
    return weighing


def check_odds(match: MatchFacts, weighings: Weighings, decided: DecisionFacts) -> Check:
    """Check that weights and figures give the sealed odds, and that the decision follows from them (``odds:NN``)."""
    name, verification = f"odds:{match.number:02d}", match.verification
    weighing = weighings.get(verification.pipeline)
    unread = (
        verification
        for verification in weighings.values()
        if isinstance(verification, Check) and verification.state is State.FAILED
    )
    if weighing is None and (wrong := next(unread, None)) is not None:
        return replace(wrong, name=name)
    if weighing is None:
        return not_checked(name, f"The bundle does not contain the weights that {verification.pipeline} uses for odds.")
    if isinstance(weighing, Check):
        return replace(weighing, name=name)
    return checked(name, _odds, name, verification, weighing, decided)


def _odds(name: str, verification: Verification, weighing: WeighingFile, decided: DecisionFacts) -> Check:
    if verification.related is None or verification.exposure is None:
        raise FormatError("Only one of the two odds is stated.")
    try:
        related, exposure = weighing.odds(verification.figures)
    except (ValueError, ArithmeticError) as error:
        raise FormatError("Odds cannot be computed from these values.") from error
    words = (
        f"sealed {verification.related:.3f} and {verification.exposure:.3f}, recomputed "
        f"{related:.3f} and {exposure:.3f}"
    )
    same = max(abs(related - verification.related), abs(exposure - verification.exposure)) <= TOLERANCE
    expect(same, f"The values and weights do not give the sealed odds: {words}.")
    problem = (
        _impossible(verification) or _otherwise(verification) or _unfounded(verification, weighing, related, exposure)
    )
    expect(not problem, problem)
    if verification.decision is Decision.RESEMBLES and decided.demonstration:
        return not_checked(name, "The picture is only related to the work; the demonstration setting opened the case.")
    digest = Digest.of(weighing.to_json())
    by = digest.hex[:12]
    message = f"The values and weights of {verification.pipeline} ({by}) give the sealed odds: {words}."
    message = f"{message} The decision {verification.decision} follows from them."
    if not is_shipped(digest, WEIGHINGS):
        return not_checked(
            name, f"unknown weights: {message} That they were measured is stated by the installation only."
        )
    return passed(name, message)


def _impossible(verification: Verification) -> str:
    """Return a problem if the figures are impossible or contradict the recomputed ones; else an empty text."""
    of = {name: value for name, value in verification.figures.items() if value is not None}
    beyond = [name for name in SHARES if not 0 <= of.get(name, 0.0) <= 1]
    beyond += [name for name in LENGTHS if of.get(name, 0.0) < 0]
    if beyond:
        return f"The value {beyond[0]} is impossible for two pictures."
    if of.get("agreeing", 0.0) > of.get("matches", math.inf):
        return "More details are stated to agree than were compared."
    whole = (
        of.get("hamming") != NOT_COMPARED and "negative" not in verification.reasons
    )  # no part of the work is left out
    stated_dense = of.get("pieces_dense" if verification.pieces else "dense", 0.0)
    if whole and stated_dense > verification.dense + DENSE_TOLERANCE:
        return "The values state a higher similarity than the match."
    return ""


def _otherwise(verification: Verification) -> str:
    """Return a problem if a match contradicts its own figures; else an empty text."""
    of, inverted = verification.figures, "negative" in verification.reasons
    count = of.get("agreeing" if verification.pieces else "inliers")
    placed = of.get("pieces_in_place" if verification.pieces else "in_place")
    same = {
        "number of details": verification.inliers == count,
        "hash distance": inverted or of.get("hamming") in {verification.hamming, NOT_COMPARED},
        "share of patches in place": placed is None
        if verification.in_place is None
        else placed is not None and abs(placed - verification.in_place) <= IN_PLACE_TOLERANCE,
    }
    wrong = next((name for name, holds in same.items() if not holds), "")
    return f"The {wrong} of the match differs from its values." if wrong else ""


def _unfounded(verification: Verification, weighing: WeighingFile, related: float, exposure: float) -> str:
    """Return why the odds do not support the decision, or an empty text.

    How far the limit rises with the number of works is not sealed.
    """
    review, certain = weighing.exposure.review, weighing.exposure.certain
    least = {Decision.CERTAIN: certain, Decision.REVIEW: review, Decision.RESEMBLES: -math.inf}.get(
        verification.decision
    )
    most = {Decision.REVIEW: certain, Decision.RESEMBLES: review}.get(verification.decision, math.inf)
    if verification.decision is Decision.REVIEW and not MINOR.issuperset(verification.reasons):
        most = math.inf  # it was held back
    if least is None:
        return f"Odds are stated for a match with the decision {verification.decision}."
    if related < weighing.related.limit - TOLERANCE:
        return f"The odds are below {weighing.related.limit:g}, the limit for a related picture."
    if least - TOLERANCE <= exposure < most + TOLERANCE:
        return ""
    return (
        f"The odds {exposure:.3f} do not support the decision {verification.decision}: the limits are "
        f"{review:g} and {certain:g}."
    )
