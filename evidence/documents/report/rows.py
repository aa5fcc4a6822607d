"""The report as rows of typed values, one for each sighting of each case: what CSV and XLSX both hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from evidence.documents.phrases.wording import ratio_words
from evidence.documents.report.facts import ReportCase
from evidence.facts.case import CalibrationFacts, MatchFacts, SightingFacts, WitnessFacts
from exhibit.clock import rfc3339
from exhibit.types import Decision

Value = str | int | float | datetime | None
"""``None`` is an empty cell; a time is aware."""

NOT_CALIBRATED = "not calibrated"
DEVELOPMENT = "development, without legal weight"


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str  # the same in all languages
    digits: int = 0  # after the point, of its numbers
    width: int = 16  # characters that a spreadsheet shows


COLUMNS = (
    Column("case", width=8),
    Column("bundle", width=8),
    Column("owner", width=24),
    Column("work_number", width=12),
    Column("work_title", width=32),
    Column("author", width=24),
    Column("party", width=28),
    Column("sighting", width=8),
    Column("page_url", width=60),
    Column("image_url", width=60),
    Column("final_url", width=60),
    Column("http_status", width=10),
    Column("context", width=40),
    Column("first_seen_utc", width=20),
    Column("last_seen_utc", width=20),
    Column("found_sha256", width=66),
    Column("registered_sha256", width=66),
    Column("aligned_share_of_registered", 4),
    Column("aligned_share_of_found", 4),
    Column("mirrored", width=10),
    Column("rotation_degrees"),
    Column("hash_distance_of_256"),
    Column("distinct_inliers"),
    Column("dense_share", 4),
    Column("probability", 6),
    Column("calibration", width=24),
    Column("calibration_sha256", width=66),
    Column("false_alarms_in_a_million_at_most"),
    Column("licences_searched"),
    Column("licences_searched_at_utc", width=20),
    Column("licence_covers"),
    Column("decision"),
    Column("decided_by", width=24),
    Column("decided_at_utc", width=20),
    Column("decided_by_demonstration_switch"),
    Column("reason", width=40),
    Column("seal_sha256", width=66),
    Column("witnesses", width=60),
    Column("likelihood_ratio", 4),
    Column("likelihood_ratio_limited"),
    Column("prior", 4),
)


def case_rows(case: ReportCase) -> Iterator[list[Value]]:
    """The rows of one case, each as long as :data:`COLUMNS`; one without a sighting where there is none."""
    facts = case.facts
    sightings: tuple[SightingFacts | None, ...] = facts.sightings or (None,)
    for sighting in sightings:
        number = 0 if sighting is None else sighting.number
        match = next((item for item in facts.matches if number in item.sightings), None)
        calibration = None if match is None else facts.calibration_of(match)
        weighed = _weighed(match, calibration)
        yield [*_who(case), *_seen(sighting), *_measured(match, calibration), *_decided(case), *weighed]


def _who(case: ReportCase) -> list[Value]:
    facts = case.facts
    work = facts.work
    number: Value = int(facts.number) if facts.number.isdecimal() else facts.number
    return [number, facts.bundle, facts.owner.name, work.number, work.title, work.author, facts.party.name]


def _seen(sighting: SightingFacts | None) -> list[Value]:
    if sighting is None:
        return [None] * 9
    return [
        sighting.number,
        sighting.page_url,
        sighting.image_url,
        sighting.final_url,
        sighting.status,
        sighting.context,
        sighting.first_seen,
        sighting.last_seen,
        sighting.picture.digest.hex,
    ]


def _measured(match: MatchFacts | None, calibration: CalibrationFacts | None) -> list[Value]:
    if match is None:
        return [None] * 12
    measured = match.verification
    return [
        match.work_picture.hex,
        measured.overlap_work,
        measured.overlap_picture,
        _yes(answer=measured.mirrored),
        measured.rotation,
        measured.hamming,
        measured.inliers,
        measured.dense,
        NOT_CALIBRATED if measured.probability is None else measured.probability,
        *_calibrated(match, calibration),
    ]


def _calibrated(match: MatchFacts, calibration: CalibrationFacts | None) -> list[Value]:
    if calibration is None:
        return [None] * 3
    certain = match.verification.decision is Decision.CERTAIN
    bound = calibration.certain if certain else calibration.review
    return [calibration.name, calibration.digest.hex, bound.at_most_in_a_million]


def _weighed(match: MatchFacts | None, calibration: CalibrationFacts | None) -> list[Value]:
    """The likelihood ratio as the PDF has it, whether the number of photographs limits it, and the prior."""
    ratio = None if match is None or calibration is None else calibration.ratio(match.verification.probability)
    if ratio is None or calibration is None:
        return [None] * 3
    return [float(ratio_words(ratio.value).replace(",", "")), _yes(answer=ratio.limited), calibration.prior]


def _decided(case: ReportCase) -> list[Value]:
    check, decision = case.facts.licence_check, case.facts.decision
    return [
        check.searched,
        check.checked_at,
        {"all": "yes", "some": "some", "none": "no", "unsearched": "none entered"}[check.outcome],
        decision.decision,
        decision.by,
        decision.at,
        _yes(answer=decision.demonstration),
        decision.reason,
        None if case.seal is None else case.seal.hex,
        "; ".join(_witness(witness) for witness in case.witnesses),
    ]


def _witness(witness: WitnessFacts) -> str:
    label = f" ({DEVELOPMENT})" if witness.development else ""
    time = "" if witness.time is None else rfc3339(witness.time)
    return f"{witness.kind} {witness.name}: {witness.state} {time}".rstrip() + label


def _yes(*, answer: bool) -> str:
    return "yes" if answer else "no"
