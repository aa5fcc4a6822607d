"""Check of a probability: the sealed values and the sealed calibration must give the sealed probability."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from evidence.facts.case import CalibrationFacts, CaseFacts, FalseAlarmFacts, MatchFacts
from evidence.facts.shipped import CALIBRATIONS, is_shipped
from evidence.formats.codec import FormatError
from evidence.verdict.result import Check, fail_check, pass_check, skip_check
from evidence.verify.checks.inspection import Inspection
from exhibit.comparison.calibration import CALIBRATION_FORMAT, Calibration
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import Count

TOLERANCE = 0.0002
"""Maximum difference between sealed and recomputed probability.

The last of the four decimals may be rounded differently.
"""
MAX_CALIBRATIONS = 16  # maximum number of calibrations read; facts by Exhibit name only a few


@dataclass(frozen=True, slots=True)
class CalibrationBounds:
    """Counts for each of the two decisions."""

    certain: FalseAlarmFacts  # for certain matches
    review: FalseAlarmFacts  # for matches that need a review


@dataclass(frozen=True, slots=True)
class CalibrationFile:
    """A calibration as written; :class:`exhibit.comparison.calibration.Calibration` describes the fields."""

    name: str  # name of the calibration
    made: str  # date of creation
    pipeline: str  # version of the comparison that gives the values
    network: str  # name and version of the model that searched
    data: str  # data set of the measurement
    photographs: Count  # number of searched photographs that show no registered picture
    prior: float  # assumed fraction of copies
    figures: tuple[str, ...]  # names of the values, see Calibrations
    weights: tuple[float, ...]  # a weight for each value
    intercept: float  # constant added to the sum
    knots: tuple[tuple[float, float], ...]  # score and probability, rising
    bounds: CalibrationBounds  # failure rate of each decision
    format: str = CALIBRATION_FORMAT  # name of this format


Calibrations = Mapping[Digest | None, Calibration | Check]
"""Calibrations by digest, or the check that replaces every probability based on the calibration."""


def read_calibrations(inspection: Inspection, facts: CaseFacts) -> Calibrations:
    """Read the calibrations that the facts name, each once."""
    facts_by_digest = {
        calibration_facts.digest: calibration_facts for calibration_facts in reversed(facts.calibrations)
    }
    digests = {match.verification.calibration for match in facts.matches}
    used_digests = [digest for digest in facts_by_digest if digest in digests]
    limit_check = skip_check("probability", f"More than {MAX_CALIBRATIONS} calibrations are listed.")
    calibrations: dict[Digest | None, Calibration | Check] = dict.fromkeys(used_digests, limit_check)
    calibrations.update(
        {digest: _read_calibration(inspection, facts_by_digest[digest]) for digest in used_digests[:MAX_CALIBRATIONS]}
    )
    return calibrations


def check_probability(match: MatchFacts, calibrations: Calibrations) -> Check:
    """Check that the calibration that the facts state gives the sealed probability (``probability:NN``)."""
    name, sealed_value = f"probability:{match.number:02d}", match.verification.probability
    calibration = calibrations[match.verification.calibration]
    assert sealed_value is not None
    if isinstance(calibration, Check):
        return replace(calibration, name=name)
    try:
        computed = calibration.compute_probability(match.verification)
    except (ValueError, ArithmeticError):
        return fail_check(name, "The probability cannot be computed from these values.")
    if computed is None:
        return fail_check(name, "The calibration does not cover these values.")
    values_text = f"in the bundle {sealed_value:.4f}, recomputed {computed:.4f}"
    if not abs(computed - sealed_value) <= TOLERANCE:
        return fail_check(
            name, f"The values and the calibration do not give the probability in the bundle: {values_text}."
        )
    message = f"The values and the calibration {calibration.name[:60]} give the probability: {values_text}."
    if not is_shipped(calibration.digest, CALIBRATIONS):
        return skip_check(name, f"unknown calibration: {message} Only the installation states its content.")
    return pass_check(name, message)


def _read_calibration(inspection: Inspection, entry: CalibrationFacts) -> Calibration | Check:
    if entry.file in inspection.withheld:
        return skip_check("probability", f"{entry.file} is withheld from this copy.")
    try:
        calibration = Calibration.from_json(inspection.read_file(entry.file))
    except (FormatError, IntegrityError) as error:
        return fail_check("probability", f"{entry.file}: {error.message}")
    file_facts = build_calibration_facts(calibration, entry.file)
    if file_facts != entry:
        return fail_check("probability", f"{entry.file} is not the calibration listed in facts.json.")
    return calibration


def build_calibration_facts(calibration: Calibration, file: str) -> CalibrationFacts:
    """Build the facts of a calibration in a file."""
    bounds = (calibration.certain, calibration.review)
    certain, review = (FalseAlarmFacts(bound.photographs, bound.false_alarms, bound.per_million) for bound in bounds)
    common_values = (calibration.name, calibration.made, calibration.data, calibration.digest, file)
    return CalibrationFacts(*common_values, certain, review, calibration.prior, calibration.photographs)
