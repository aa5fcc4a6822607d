"""The report as rows of typed values for CSV and XLSX: one row for each sighting of each case, or for each work.

CSV follows RFC 4180: commas, CRLF, doubled quotes. It is UTF-8 with a byte order mark, because common spreadsheets
garble Chinese titles without the mark. Text that a spreadsheet would evaluate as a formula gets a leading apostrophe,
line breaks become spaces, and other control characters are replaced by their code points.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from evidence.documents.phrases.wording import format_ratio, truncate_decimals
from evidence.documents.report.facts import ReportCase, WorkResult
from evidence.documents.typeset.compiler import escape_hidden_characters
from evidence.facts.case import CalibrationFacts, CaseFacts, MatchFacts, SightingFacts, TimestampFacts
from exhibit.clock import format_rfc3339
from exhibit.comparison.calibration import LikelihoodRatio
from exhibit.digests import Digest
from exhibit.files.delimited import escape_formula, format_csv
from exhibit.types import Decision, Untyped, Verification

Value = str | int | float | datetime | None
"""Value of a cell; ``None`` is an empty cell, and times are aware."""

NOT_CALIBRATED = "not calibrated"
DEVELOPMENT_LABEL = "development service, no legal weight"
_COVERAGE_LABELS = {"all": "yes", "some": "some", "none": "no", "unsearched": "none entered"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the CSV and XLSX files."""

    name: str  # the same in all languages
    value: str  # attribute path from a :class:`_SightingRow`; the cell is empty if an attribute on the path is ``None``
    digits: int = 0  # decimals of its numbers
    width: int = 16  # width in a spreadsheet, characters
    about: str = ""  # description for docs/reference/names.md


COLUMNS = (
    Column("case", "number", width=8, about="number"),
    Column("bundle", "facts.bundle", width=8, about="number; 0: current facts, not sealed"),
    Column("owner", "facts.owner.name", width=24, about="as declared"),
    Column("work_number", "facts.work.number", width=12, about="number"),
    Column("work_title", "facts.work.title", width=32, about="as declared"),
    Column("author", "facts.work.author", width=24, about="as declared"),
    Column("party", "facts.party.name", width=28, about="registrable domain of the page"),
    Column("sighting", "sighting.number", width=8, about="number within the case"),
    Column("page_url", "sighting.page_url", width=60, about="URL of the page that shows the picture"),
    Column("image_url", "sighting.image_url", width=60, about="URL of the picture"),
    Column("final_url", "sighting.final_url", width=60, about="URL of the picture after redirects"),
    Column("http_status", "sighting.status", width=10, about="0 if the source is not HTTP"),
    Column("context", "sighting.context", width=40, about="text around the picture"),
    Column(
        "first_seen_utc", "sighting.first_seen", width=20, about="RFC 3339; empty if a web archive states no exact time"
    ),
    Column("last_seen_utc", "sighting.last_seen", width=20, about="as `first_seen_utc`"),
    Column("found_sha256", "sighting.picture.digest", width=66, about="digest of the exact bytes"),
    Column("registered_sha256", "match.work_picture", width=66, about="digest of the exact bytes"),
    Column("aligned_share_of_registered", "verification.overlap_work", 4, about="0 to 1, by area"),
    Column("aligned_share_of_found", "verification.overlap_picture", 4, about="0 to 1, by area"),
    Column("mirrored", "verification.mirrored", width=10, about="whether the found picture is mirrored"),
    Column("rotation_degrees", "verification.rotation", about="rotation of the found picture, counter-clockwise"),
    Column("dense_share", "verification.dense", 4, about="share of blocks with detail that agree"),
    Column("calibration", "calibration.name", width=24, about="basis of the likelihood ratio"),
    Column("calibration_sha256", "calibration.digest", width=66, about="digest of the calibration"),
    Column("false_alarms_in_a_million_at_most", "false_alarms", about="upper bound for this decision, 95% confidence"),
    Column("licences_searched", "facts.licence_check.searched", about="number of the owner's licences searched"),
    Column("licences_searched_at_utc", "facts.licence_check.checked_at", width=20, about="time of that search"),
    Column("licence_covers", "licence_covers", about="`yes`, `some` (of the sightings), `no`, or `none entered`"),
    Column("decision", "facts.decision.decision", about="decision on the case"),
    Column("decided_by", "facts.decision.by", width=24, about="person, or licence ledger"),
    Column("decided_at_utc", "facts.decision.at", width=20, about="RFC 3339"),
    Column(
        "decided_by_demonstration_switch", "facts.decision.demonstration", about="`yes`: no person examined the case"
    ),
    Column("reason", "facts.decision.reason", width=40, about="reason for the decision"),
    Column(
        "seal_sha256",
        "case.seal",
        width=66,
        about="digest of the newest bundle's manifest; if `bundle` is 0, that bundle was sealed with an earlier "
        "decision",
    ),
    Column(
        "timestamps",
        "timestamps",
        width=60,
        about="timestamp services, each with its status, the time stated, and a label if it is a development service",
    ),
    Column(
        "likelihood_ratio",
        "likelihood_ratio",
        4,
        about=(
            "frequency of such measurements among copies divided by their frequency among other pictures, or `not "
            "calibrated`; empty if the bundle was sealed before facts.json contained the prior probability"
        ),
    ),
    Column("likelihood_ratio_limited", "ratio.limited", about="`yes`: limited by the number of photographs"),
    Column(
        "seen_period",
        "sighting.period",
        width=20,
        about="such as `2016-01`, if a web archive states a period instead of an exact time",
    ),
    Column(
        "match", "verification.decision", width=10, about="result of the comparison: `certain`, `review` or `related`"
    ),
    Column(
        "stated_elsewhere",
        "elsewhere",
        width=60,
        about=(
            "statements of third parties on when the picture was online: kind, source, page or picture, time (`none` "
            "if the query had no result), URL"
        ),
    ),
)

TIME_FIELDS = ("registered_at", "first_seen", "last_seen")
_WORK_VALUES = {
    "number": "number",
    "title": "as declared",
    "author": "as declared",
    "registered_at": "RFC 3339",
    "standing": (
        "`found`; `unlisted`: only in cases that the report does not list; `unsafe`: cannot be matched "
        "reliably; `waiting`: not yet compared with all pictures seen before; `not-found`"
    ),
    "unsafe": "reason why the work cannot be matched reliably",
    "pictures": "number of pictures",
    "waiting": "number of pictures not yet compared",
    "places": "number of pages",
    "cases": "number of cases",
    "unlisted": "number of cases that the report does not list",
    "first_seen": "RFC 3339",
    "last_seen": "RFC 3339",
}
WORK_COLUMNS = tuple(
    Column(
        f"work_{name}" if name in {"number", "title"} else f"{name}_utc" if name in TIME_FIELDS else name,
        name,
        width=20,
        about=about,
    )
    for name, about in _WORK_VALUES.items()
)
"""Columns of a report that lists every work, one row for each."""


@dataclass(frozen=True)
class _SightingRow:
    """Objects from which the values of one row are read: a case, a sighting and a match."""

    case: ReportCase
    facts: CaseFacts
    sighting: SightingFacts | None
    match: MatchFacts | None
    calibration: CalibrationFacts | None

    @property
    def number(self) -> int | str:
        return int(self.facts.number) if self.facts.number.isdecimal() else self.facts.number

    @property
    def verification(self) -> Verification | None:
        return None if self.match is None else self.match.verification

    @property
    def elsewhere(self) -> str:
        """Statements by third parties on when the picture was available: kind, source, subject, time, URL."""
        statements = () if self.sighting is None else self.sighting.elsewhere
        rows = (
            (statement.kind, statement.by, statement.of, statement.stated or "none", statement.where)
            for statement in statements
        )
        return "; ".join(" ".join(filter(None, row)) for row in rows)

    @property
    def false_alarms(self) -> int | None:
        if self.verification is None or self.calibration is None:
            return None
        is_certain = self.verification.decision is Decision.CERTAIN
        return (self.calibration.certain if is_certain else self.calibration.review).at_most_in_a_million

    @property
    def licence_covers(self) -> str:
        return _COVERAGE_LABELS[self.facts.licence_check.outcome]

    @property
    def timestamps(self) -> str:
        return "; ".join(_describe_timestamp(timestamp) for timestamp in self.case.timestamps)

    @property
    def ratio(self) -> LikelihoodRatio | None:
        if self.verification is None or self.calibration is None:
            return None
        return self.calibration.compute_ratio(self.verification.probability)

    @property
    def likelihood_ratio(self) -> float | str | None:
        """Likelihood ratio, truncated as in the PDF."""
        if self.verification is not None and self.verification.probability is None:
            return NOT_CALIBRATED
        return None if self.ratio is None else float(format_ratio(self.ratio.value).replace(",", ""))


def build_rows(cases: Iterable[ReportCase]) -> Iterator[list[Value]]:
    """Yield one row for each sighting, and one for each case without a sighting, with the values of :data:`COLUMNS`."""
    for case in cases:
        facts = case.facts
        for sighting in facts.sightings or (None,):
            number = 0 if sighting is None else sighting.number
            match = next((item for item in facts.matches if number in item.sightings), None)
            row = _SightingRow(case, facts, sighting, match, None if match is None else facts.find_calibration(match))
            yield [_read_value(row, column.value) for column in COLUMNS]


def build_work_rows(works: Iterable[WorkResult]) -> Iterator[list[Value]]:
    """Return one row for each work, with the values of :data:`WORK_COLUMNS`."""
    return ([_read_value(work, column.value) for column in WORK_COLUMNS] for work in works)


def build_csv_header(columns: Sequence[Column] = COLUMNS) -> bytes:
    """Return the byte order mark and the header line."""
    return format_csv([[column.name for column in columns]]).encode("utf-8-sig")


def build_csv_lines(rows: Iterable[list[Value]], columns: Sequence[Column] = COLUMNS) -> bytes:
    """Return rows as CSV lines. A CSV report is the header followed by the lines of all volumes in order."""
    return format_csv(map(_to_cell_value, row, columns) for row in rows).encode()


def _read_value(row: _SightingRow | WorkResult, path: str) -> Value:
    value: Untyped = row
    for name in path.split("."):
        value = None if value is None else getattr(value, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return value.hex if isinstance(value, Digest) else value


def _describe_timestamp(timestamp: TimestampFacts) -> str:
    label = f" ({DEVELOPMENT_LABEL})" if timestamp.development else ""
    time = "" if timestamp.time is None else format_rfc3339(timestamp.time)
    return f"{timestamp.kind} {timestamp.name}: {timestamp.state} {time}".rstrip() + label


def _to_cell_value(value: Value, column: Column) -> str | int | Decimal:
    if isinstance(value, float):
        return Decimal(f"{truncate_decimals(value, column.digits):.{column.digits}f}")  # a number, even with a sign
    if isinstance(value, datetime):
        return format_rfc3339(value)
    if not isinstance(value, str):
        return "" if value is None else value
    text: str = escape_hidden_characters(escape_formula(value), frozenset())  # escape before line breaks are replaced
    return text
