"""The report as CSV: one line for each sighting of each case, for spreadsheets."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from evidence.documents.report import ReportCase, ReportFacts
from evidence.documents.typesetting import showable
from evidence.facts import CalibrationFacts, MatchFacts, SightingFacts, WitnessFacts
from exhibit.clock import rfc3339
from exhibit.types import Decision

FORMULA_SIGNS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What makes a spreadsheet compute a cell instead of showing it (OWASP, CSV Injection); full-width forms too."""

COLUMNS = (
    "case",
    "bundle",
    "owner",
    "work_number",
    "work_title",
    "author",
    "party",
    "sighting",
    "page_url",
    "image_url",
    "final_url",
    "http_status",
    "context",
    "first_seen_utc",
    "last_seen_utc",
    "found_sha256",
    "registered_sha256",
    "aligned_share_of_registered",
    "aligned_share_of_found",
    "mirrored",
    "rotation_degrees",
    "hash_distance_of_256",
    "distinct_inliers",
    "dense_share",
    "probability",
    "calibration",
    "calibration_sha256",
    "false_alarms_in_a_million_at_most",
    "licences_searched",
    "licences_searched_at_utc",
    "licence_covers",
    "decision",
    "decided_by",
    "decided_at_utc",
    "decided_by_demonstration_switch",
    "reason",
    "seal_sha256",
    "witnesses",
)
NOT_CALIBRATED = "not calibrated"
DEVELOPMENT = "development, without legal weight"


def render_report_csv(report: ReportFacts) -> bytes:
    """The report as CSV after RFC 4180: commas, CRLF, quotes doubled, one header line.

    UTF-8 with a byte order mark, without which common spreadsheets garble Chinese titles. A text that a spreadsheet
    would compute gets an apostrophe in front; line breaks become spaces, other controls their code points.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for case in report.cases:
        writer.writerows(_case_lines(case))
    return out.getvalue().encode("utf-8-sig")


def safe_cell(text: str) -> str:
    """A text that a spreadsheet shows and never computes."""
    shown: str = showable(text, frozenset())
    return f"'{shown}" if text.startswith(("\t", "\r", "\n")) or shown.lstrip().startswith(FORMULA_SIGNS) else shown


def _case_lines(case: ReportCase) -> Iterator[list[str | int]]:
    facts = case.facts
    sightings: tuple[SightingFacts | None, ...] = facts.sightings or (None,)
    for sighting in sightings:
        number = 0 if sighting is None else sighting.number
        match = next((item for item in facts.matches if number in item.sightings), None)
        calibration = None if match is None else facts.calibration_of(match)
        line = [*_who(case), *_seen(sighting), *_measured(match, calibration), *_decided(case)]
        yield [safe_cell(value) if isinstance(value, str) else value for value in line]


def _who(case: ReportCase) -> list[str | int]:
    facts = case.facts
    work = facts.work
    return [facts.number, facts.bundle, facts.owner.name, work.number, work.title, work.author, facts.party.name]


def _seen(sighting: SightingFacts | None) -> list[str | int]:
    if sighting is None:
        return [""] * 9
    return [
        sighting.number,
        sighting.page_url,
        sighting.image_url,
        sighting.final_url,
        sighting.status,
        sighting.context,
        rfc3339(sighting.first_seen),
        rfc3339(sighting.last_seen),
        sighting.picture.digest.hex,
    ]


def _measured(match: MatchFacts | None, calibration: CalibrationFacts | None) -> list[str | int]:
    if match is None:
        return [""] * 12
    measured = match.verification
    probability = NOT_CALIBRATED if measured.probability is None else f"{measured.probability:.6f}"
    return [
        match.work_picture.hex,
        f"{measured.overlap_work:.4f}",
        f"{measured.overlap_picture:.4f}",
        _yes(answer=measured.mirrored),
        measured.rotation,
        measured.hamming,
        measured.inliers,
        f"{measured.dense:.4f}",
        probability,
        *_calibrated(match, calibration),
    ]


def _calibrated(match: MatchFacts, calibration: CalibrationFacts | None) -> list[str | int]:
    if calibration is None:
        return [""] * 3
    certain = match.verification.decision is Decision.CERTAIN
    bound = calibration.certain if certain else calibration.review
    return [calibration.name, calibration.digest.hex, bound.at_most_in_a_million]


def _decided(case: ReportCase) -> list[str | int]:
    check, decision = case.facts.licence_check, case.facts.decision
    return [
        check.searched,
        rfc3339(check.checked_at),
        _yes(answer=check.covered),
        decision.decision,
        decision.by,
        _time(decision.at),
        _yes(answer=decision.demonstration),
        decision.reason,
        "" if case.seal is None else case.seal.hex,
        "; ".join(_witness(witness) for witness in case.witnesses),
    ]


def _witness(witness: WitnessFacts) -> str:
    label = f" ({DEVELOPMENT})" if witness.development else ""
    return f"{witness.kind} {witness.name}: {witness.state} {_time(witness.time)}".rstrip() + label


def _time(moment: datetime | None) -> str:
    return "" if moment is None else rfc3339(moment)


def _yes(*, answer: bool) -> str:
    return "yes" if answer else "no"
