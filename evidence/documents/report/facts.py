"""Content of a report, also written as JSON: the cases and crawls of a watch or a set of works over a period."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from evidence.facts.case import CalibrationFacts, CaseFacts, OwnerFacts, SoftwareFacts, TimestampFacts
from evidence.formats.codec import Canonical, to_plain
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.types import Count, Number

REPORT_FORMAT = "exhibit-report/1"
MAX_DETAILED_CASES = 24
"""Maximum number of cases that get pages of their own; larger reports show cards, three to a page."""
CASES_PER_VOLUME = 250  # maximum number of cases in one volume, so that it fits in an email and in memory
WORKS_PER_VOLUME = 1_000
"""Maximum number of works in one volume of a report that lists each work: about thirty pages."""
_JSON_START, _JSON_END = b'{"cases":[],', b',"works":[]}'
"""Start and end of the JSON of a report without cases and works: these are the first and last sorted keys."""


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """Number of items that were not fetched or not stored, for one reason."""

    reason: str  # a short stable word, such as ``robots`` or ``private-address``
    count: int

    @property
    def is_failure(self) -> bool:
        """True if the item was requested and did not arrive completely."""
        return self.reason in FAILURE_REASONS or self.reason.startswith("http-")


FAILURE_REASONS = (
    "timeout", "unreachable", "unresolvable", "redirects", "too-many-redirects", "incomplete", "broke-off",
    "bad-encoding", "error", "truncated", "broken", "too-slow",
)  # fmt: skip
"""Reasons, besides HTTP errors, for incomplete downloads.

All other reasons are rules that prevented a request or the storage of its result.
"""


@dataclass(frozen=True, slots=True)
class CrawlCoverage:
    """Coverage of one crawl."""

    source: str  # start of the crawl, such as a site's URL
    kind: str  # kind of source, such as ``site``, ``sitemap`` or ``feed``
    started: datetime  # aware, UTC
    finished: datetime | None  # aware, UTC; ``None`` while it runs
    pages: int  # pages that responded
    pictures: int  # pictures that were received and examined
    bytes_received: int  # bytes of all responses
    refused: tuple[RefusalCount, ...]  # items that were not fetched or not stored, by reason, including failures
    known_copies: int = 0  # known copies that the owner had published before the start
    known_copies_found: int = 0  # number of these that the crawl found
    ended: str = ""  # reason why the crawl ended, such as ``budget-pages``; empty while it runs
    further: tuple[str, ...] = ()  # further starts of the crawl

    @property
    def failed_count(self) -> int:
        """Number of requested items that did not arrive completely."""
        return sum(refusal.count for refusal in self.refused if refusal.is_failure)

    @property
    def refused_count(self) -> int:
        """Number of items that were not requested or not stored because of a rule."""
        return sum(refusal.count for refusal in self.refused) - self.failed_count


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """Counts at the start of a report."""

    works: int  # works that were monitored
    pages: int  # pages that were visited
    pictures: int  # different pictures that were examined
    cases: int  # cases of the period
    confirmed: int  # of these, confirmed
    licensed: int  # of these, covered by a licence
    dismissed: int  # of these, dismissed
    open: int  # of these, without a decision


@dataclass(frozen=True, slots=True)
class ReportScope:
    """Limits of a report, as requested."""

    watch: str = ""  # name of the one watch, or empty for all
    works: tuple[int, ...] = ()  # numbers of works, ascending; none for all
    decisions: tuple[str, ...] = ("open", "confirmed", "licensed")  # cases with one of these are listed
    first: str = ""  # first day, ISO 8601, in the report's time zone; empty without a limit
    last: str = ""  # last day, in the same form
    every_work: bool = False  # true to list each work, with or without matches


@dataclass(frozen=True, slots=True)
class PageStatus:
    """Availability of a picture on a page at the last visit."""

    page_url: str
    image_url: str
    standing: str  # ``online``, ``changed``, ``removed`` or ``unseen``
    at: datetime  # when that visit ended, aware, UTC


@dataclass(frozen=True, slots=True)
class ReportCase:
    """One case in a report, with data that is newer than its latest bundle."""

    facts: CaseFacts
    seal: Digest | None  # digest of the newest bundle's manifest, or ``None`` while nothing is sealed
    seal_sequence: int | None  # number of the seal's entry in the log, or ``None``
    timestamps: tuple[TimestampFacts, ...]  # timestamps and their states when the report was generated
    earlier: bool = False  # true if the bundle was sealed under an earlier decision
    standings: tuple[PageStatus, ...] = ()  # availability on each page at the last visit


@dataclass(frozen=True, slots=True)
class WorkResult:
    """One monitored work and its matches. A work without matches may be in use outside the examined pictures."""

    number: Number
    title: str
    author: str
    registered_at: datetime  # aware, UTC
    unsafe: tuple[str, ...]  # reasons why it cannot be matched reliably, such as ``flat``; empty if it can
    pictures: Count  # of the work
    waiting: Count  # of these, not yet compared with all earlier pictures
    cases: tuple[int, ...]  # numbers of the cases that the report lists, ascending
    places: Count  # images on pages in these cases, within the report's limits
    unlisted: Count  # its further cases, whose decisions the report does not list
    first_seen: datetime | None  # of these images, aware, UTC
    last_seen: datetime | None

    @property
    def standing(self) -> str:
        """``found``, ``unlisted`` (only in cases that the report omits), ``unsafe``, ``waiting`` or ``not-found``."""
        if self.cases:
            return "found"
        return "unlisted" if self.unlisted else "unsafe" if self.unsafe else "waiting" if self.waiting else "not-found"


@dataclass(frozen=True, slots=True)
class SearchTotals:
    """Totals over all works and the search, for a report that lists every work."""

    works: Count  # works in the report
    found: Count  # of these, works with a listed case
    places: Count  # images on pages in the listed cases, within the report's limits
    unlisted: Count  # works with only cases that the report does not list
    unsafe: Count  # works without a case that cannot be matched reliably
    waiting: Count  # further works without a case, not yet compared with all earlier pictures
    watches: Count  # watches whose crawls are in the coverage
    hosts: Count  # different hosts on which pictures were seen
    uncompared: Count  # seen pictures that had not yet been compared with the works
    unreadable: Count  # seen pictures that could not be compared, such as damaged ones
    until: datetime | None  # end of the last crawl, or the current time if one was running; ``None`` without any
    calibration: CalibrationFacts | None  # calibration of the measurements; ``None`` if nothing was measured

    @property
    def without(self) -> int:
        """Number of works without a listed case."""
        return self.works - self.found


@dataclass(frozen=True, slots=True)
class Volume:
    """Part of a report that a file contains."""

    number: int  # from 1
    of: int
    first: int  # position of its first case among all cases of the report, from 1
    cases: int  # number of cases in the whole report
    works: int = 0  # number of works that the whole report lists; 0 if it lists only those of cases


@dataclass(frozen=True, slots=True)
class ReportFacts(Canonical):
    """All content of a report.

    Attributes:
        scope: Limits of the report, or ``None`` if it covers all cases that are not dismissed.
    """

    title: str  # title as requested
    owner: OwnerFacts
    preparer: str  # requester: a person's name, or the name of a job
    period_start: datetime  # aware, UTC
    period_end: datetime  # aware, UTC
    generated_at: datetime  # aware, UTC; written into the files as their date
    time_zone: str  # IANA name for local times, which are shown beside UTC, such as ``Asia/Shanghai``; ``UTC`` for none
    software: SoftwareFacts
    summary: ReportSummary
    coverage: tuple[CrawlCoverage, ...]
    cases: tuple[ReportCase, ...]  # cases in display order; in a volume, only those of the volume
    not_checked: tuple[str, ...] = ()  # sentences on aspects that were not checked
    format: str = REPORT_FORMAT
    volume: Volume | None = None  # the volume, or ``None`` for the whole report
    scope: ReportScope | None = None
    looked: SearchTotals | None = None  # for a report that lists every work
    works: tuple[WorkResult, ...] = ()  # all works; in a volume, only those of the volume

    @property
    def is_detailed(self) -> bool:
        """True if each case has its own pages."""
        return (len(self.cases) if self.volume is None else self.volume.cases) <= MAX_DETAILED_CASES


def build_json_elements(facts: Iterable[ReportCase] | Iterable[WorkResult]) -> bytes:
    """Return cases or works as elements of a report's JSON array, separated by commas."""
    return b",".join(encode_canonical(to_plain(part)) for part in facts)


def write_report_json(out: BinaryIO, report: ReportFacts, cases: Iterable[bytes], works: Iterable[bytes] = ()) -> None:
    """Write the same JSON as ``to_json`` of the whole report, from the results of :func:`build_json_elements`."""
    rest = encode_canonical(to_plain(replace(report, cases=(), works=())))
    assert rest.startswith(_JSON_START)
    assert rest.endswith(_JSON_END)
    out.write(_JSON_START[:-2])
    out.writelines(b"," * (number > 0) + part for number, part in enumerate(cases))
    out.write(b"]," + rest[len(_JSON_START) : -2])
    out.writelines(b"," * (number > 0) + part for number, part in enumerate(works))
    out.write(b"]}")
