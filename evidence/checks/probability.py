"""The check of a probability: the sealed figures and the sealed calibration have to give it."""

from evidence.checks.inspection import Inspection
from evidence.codec import FormatError
from evidence.facts import BoundFacts, CalibrationFacts, CaseFacts, MatchFacts
from evidence.verdict import Check, failed, not_checked, passed
from exhibit.calibration import Bound, Calibration
from exhibit.errors import IntegrityError

TOLERANCE = 0.0002
"""Most by which sealed and recomputed probability differ: the last of four decimals may be rounded otherwise."""


def check_probability(inspection: Inspection, facts: CaseFacts, match: MatchFacts) -> Check:
    """``probability:NN``: what the calibration makes of the figures, and that it is the one that the facts state."""
    name, sealed = f"probability:{match.number:02d}", match.verification.probability
    stated = facts.calibration_of(match)
    assert stated is not None
    assert sealed is not None
    if stated.file in inspection.withheld:
        return not_checked(name, f"{stated.file} is withheld from this copy.")
    try:
        calibration = Calibration.from_json(inspection.read(stated.file))
    except (FormatError, IntegrityError) as error:
        return failed(name, f"{stated.file}: {error.message}")
    if calibration.digest != stated.digest or calibration_facts(calibration, stated.file) != stated:
        return failed(name, f"{stated.file} isn't the calibration that the facts state.")
    found = calibration.probability(match.verification)
    if found is None:
        return failed(name, "The calibration says nothing of such figures.")
    words = f"sealed {sealed:.4f}, recomputed {found:.4f}"
    if not abs(found - sealed) <= TOLERANCE:
        return failed(name, f"The figures and the calibration don't give the sealed probability: {words}.")
    return passed(name, f"The figures and the calibration {calibration.name} give the sealed probability: {words}.")


def calibration_facts(calibration: Calibration, file: str) -> CalibrationFacts:
    """What facts state of a calibration that lies in a file."""
    certain, review = _bound(calibration.certain), _bound(calibration.review)
    return CalibrationFacts(
        calibration.name, calibration.made, calibration.data, calibration.digest, file, certain, review
    )


def _bound(bound: Bound) -> BoundFacts:
    return BoundFacts(bound.photographs, bound.failed, bound.per_million)
