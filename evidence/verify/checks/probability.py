"""Check of a probability: the sealed figures and the sealed calibration must give it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from evidence.facts.case import BoundFacts, CalibrationFacts, CaseFacts, MatchFacts
from evidence.facts.shipped import CALIBRATIONS, is_shipped
from evidence.formats.codec import FormatError
from evidence.verdict.result import Check, failed, not_checked, passed
from evidence.verify.checks.inspection import Inspection
from exhibit.comparison.calibration import CALIBRATION_FORMAT, Calibration
from exhibit.digests import Digest
from exhibit.errors import IntegrityError
from exhibit.types import Count

TOLERANCE = 0.0002
"""Largest difference between sealed and recomputed probability.

The last of four decimals may be rounded differently.
"""
MAX_CALIBRATIONS = 16  # limit of calibrations read; facts by Exhibit name one or a few


@dataclass(frozen=True, slots=True)
class CalibrationBounds:
    """Counts for each of the two decisions."""

    certain: BoundFacts  # for certain matches
    review: BoundFacts  # for matches that a person reviews


@dataclass(frozen=True, slots=True)
class CalibrationFile:
    """A calibration as written; :class:`exhibit.comparison.calibration.Calibration` describes the fields."""

    name: str  # name of the calibration
    made: str  # date of creation
    pipeline: str  # version of the comparison that gives the figures
    network: str  # name and version of the network that searched
    data: str  # data set of the measurement
    photographs: Count  # photographs that show no registered picture and were searched for
    prior: float  # assumed share of copies
    figures: tuple[str, ...]  # names of the figures, see Calibrations
    weights: tuple[float, ...]  # a weight for each figure
    intercept: float  # constant added to the sum
    knots: tuple[tuple[float, float], ...]  # score and probability, rising
    bounds: CalibrationBounds  # failure rate of each decision
    format: str = CALIBRATION_FORMAT  # name of this format


Calibrations = Mapping[Digest | None, Calibration | Check]
"""Each calibration by its digest, or the check that replaces every probability based on it."""


def read_calibrations(inspection: Inspection, facts: CaseFacts) -> Calibrations:
    """Return the calibrations that the facts name, each read once."""
    first = {calibration_facts.digest: calibration_facts for calibration_facts in reversed(facts.calibrations)}
    digests = {match.verification.calibration for match in facts.matches}
    used = [digest for digest in first if digest in digests]
    more = not_checked("probability", f"More than {MAX_CALIBRATIONS} calibrations are listed.")
    calibrations: dict[Digest | None, Calibration | Check] = dict.fromkeys(used, more)
    calibrations.update({digest: _read_calibration(inspection, first[digest]) for digest in used[:MAX_CALIBRATIONS]})
    return calibrations


def check_probability(match: MatchFacts, calibrations: Calibrations) -> Check:
    """Check that the calibration that the facts state gives the sealed probability (``probability:NN``)."""
    name, sealed_value = f"probability:{match.number:02d}", match.verification.probability
    calibration = calibrations[match.verification.calibration]
    assert sealed_value is not None
    if isinstance(calibration, Check):
        return replace(calibration, name=name)
    try:
        computed = calibration.probability(match.verification)
    except (ValueError, ArithmeticError):
        return failed(name, "The values cannot be computed.")
    if computed is None:
        return failed(name, "The calibration does not cover these values.")
    words = f"sealed {sealed_value:.4f}, recomputed {computed:.4f}"
    if not abs(computed - sealed_value) <= TOLERANCE:
        return failed(name, f"The values and the calibration do not give the sealed probability: {words}.")
    message = f"The values and the calibration {calibration.name[:60]} give the sealed probability: {words}."
    if not is_shipped(calibration.digest, CALIBRATIONS):
        return not_checked(name, f"unknown calibration: {message} Its content is stated by the installation only.")
    return passed(name, message)


def _read_calibration(inspection: Inspection, entry: CalibrationFacts) -> Calibration | Check:
    if entry.file in inspection.withheld:
        return not_checked("probability", f"{entry.file} is withheld from this copy.")
    try:
        calibration = Calibration.from_json(inspection.read_file(entry.file))
    except (FormatError, IntegrityError) as error:
        return failed("probability", f"{entry.file}: {error.message}")
    file_facts = calibration_facts(calibration, entry.file)
    if file_facts != entry:
        return failed("probability", f"{entry.file} is not the calibration named in the facts.")
    return calibration


def calibration_facts(calibration: Calibration, file: str) -> CalibrationFacts:
    """Return the facts of a calibration in a file."""
    bounds = (calibration.certain, calibration.review)
    certain, review = (BoundFacts(bound.photographs, bound.failed, bound.per_million) for bound in bounds)
    about = (calibration.name, calibration.made, calibration.data, calibration.digest, file)
    return CalibrationFacts(*about, certain, review, calibration.prior, calibration.photographs)
