"""The facts of a report: the results of a watch or a set of works over a period, with all its cases; also as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from evidence.facts.case import CalibrationFacts, CaseFacts, OwnerFacts, SoftwareFacts, WitnessFacts
from evidence.formats.codec import Canonical, to_plain
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.types import Count, Number

REPORT_FORMAT = "exhibit-report/1"
AT_LENGTH = 24
"""Number of cases up to which a report shows each on its own pages; larger reports show cards, three to a page."""
IN_A_VOLUME = 250  # limit of cases in one volume, so that it fits in an email and is made in limited memory
WORKS_IN_A_VOLUME = 1_000
"""Limit of works in one volume of a report that lists each work: about thirty pages."""
_NO_CASES, _NO_WORKS = b'{"cases":[],', b',"works":[]}'
"""Start and end of the JSON of a report without cases and works: these are the first and last sorted keys."""


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """Number of items that were not fetched or kept for one reason."""

    reason: str  # a short stable word, such as ``robots`` or ``private-address``
    count: int

    @property
    def is_failure(self) -> bool:
        """True if the item was requested and did not arrive completely."""
        return self.reason in FAILED or self.reason.startswith("http-")


FAILED = (
    "timeout", "unreachable", "unresolvable", "redirects", "too-many-redirects", "incomplete", "broke-off",
    "bad-encoding", "error", "truncated", "broken", "too-slow",
)  # fmt: skip
"""Reasons, besides HTTP errors, for requested items that did not arrive completely.

All other reasons are rules that prevented a request or its storage.
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
    refused: tuple[RefusalCount, ...]  # items that were not fetched or kept, by reason, including failures
    canaries: int = 0  # known copies that the owner had planted before the start
    canaries_found: int = 0  # number of them that it found
    ended: str = ""  # reason of its end, such as ``budget-pages``; empty while it runs
    further: tuple[str, ...] = ()  # further starts of the crawl

    @property
    def failed_count(self) -> int:
        """Number of requested items that did not arrive completely."""
        return sum(refusal.count for refusal in self.refused if refusal.is_failure)

    @property
    def refused_count(self) -> int:
        """Number of items that a rule kept from being requested or stored."""
        return sum(refusal.count for refusal in self.refused) - self.failed_count


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """Counts at the start of a report."""

    works: int  # works that were watched for
    pages: int  # pages that were visited
    pictures: int  # different pictures that were examined
    cases: int  # cases of the period
    confirmed: int  # of these, confirmed
    licensed: int  # of these, covered by a licence
    cleared: int  # of these, cleared
    open: int  # of these, not decided


@dataclass(frozen=True, slots=True)
class ReportScope:
    """Limits of a report, as requested."""

    watch: str = ""  # name of the one watch, or empty for all
    works: tuple[int, ...] = ()  # numbers of works, ascending; none for all
    decisions: tuple[str, ...] = ("open", "confirmed", "licensed")  # cases with one of these are listed
    first: str = ""  # first day, ISO 8601, in the report's time zone; empty without a limit
    last: str = ""  # last day, likewise
    every_work: bool = False  # true to list each work, with or without finds


@dataclass(frozen=True, slots=True)
class PlaceStanding:
    """State of a place at its last visit."""

    page_url: str
    image_url: str
    standing: str  # ``online``, ``changed``, ``removed`` or ``unseen``
    at: datetime  # when that visit ended, aware, UTC


@dataclass(frozen=True, slots=True)
class ReportCase:
    """One case in a report, with what is known after its newest bundle was sealed."""

    facts: CaseFacts
    seal: Digest | None  # digest of the newest bundle's manifest, or ``None`` while nothing is sealed
    seal_sequence: int | None  # number of the seal's entry in the log, or ``None``
    witnesses: tuple[WitnessFacts, ...]  # outside witnesses and their states when the report was made
    earlier: bool = False  # true if the seal has another decision than the facts
    standings: tuple[PlaceStanding, ...] = ()  # states of its places at their last visits


@dataclass(frozen=True, slots=True)
class WorkAccount:
    """One work that was searched for, and its finds. No find means only that none was found in what was examined."""

    number: Number
    title: str
    author: str
    registered_at: datetime  # aware, UTC
    unsafe: tuple[str, ...]  # why it cannot be matched safely, such as ``flat``; empty if it can
    pictures: Count  # of the work
    waiting: Count  # of these, not yet compared with all pictures seen before
    cases: tuple[int, ...]  # numbers of the cases that the report lists, ascending
    places: Count  # images on pages in these cases, within the report's limits
    unlisted: Count  # its further cases, whose decisions the report does not list
    first_seen: datetime | None  # of these places, aware, UTC
    last_seen: datetime | None

    @property
    def standing(self) -> str:
        """``found``, ``unlisted`` (only in cases that the report omits), ``unsafe``, ``waiting`` or ``not-found``."""
        if self.cases:
            return "found"
        return "unlisted" if self.unlisted else "unsafe" if self.unsafe else "waiting" if self.waiting else "not-found"


@dataclass(frozen=True, slots=True)
class LookedFacts:
    """Totals over all works and the search, for a report that lists every work."""

    works: Count  # works in the report
    found: Count  # of these, works with a listed case
    places: Count  # places of the listed cases, within the report's limits
    unlisted: Count  # works with only cases that the report does not list
    unsafe: Count  # works without a case that cannot be matched safely
    waiting: Count  # further works without a case, not yet compared with all pictures seen before
    watches: Count  # watches whose crawls are in the coverage
    hosts: Count  # different hosts on which pictures were seen
    uncompared: Count  # seen pictures that had not yet been compared with the works
    unreadable: Count  # seen pictures that could not be compared, such as damaged ones
    until: datetime | None  # end of the last crawl, or the current time if one was running; ``None`` without any
    calibration: CalibrationFacts | None  # calibration of the figures; ``None`` if nothing was measured

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
        scope: Limits of the report, or ``None`` if it covers everything that is not cleared.
    """

    title: str  # title as requested
    owner: OwnerFacts
    preparer: str  # requester: a person's name, or the name of a job
    period_start: datetime  # aware, UTC
    period_end: datetime  # aware, UTC
    generated_at: datetime  # aware, UTC; the date that the files state
    time_zone: str  # IANA name in which local times are shown beside UTC, such as ``Asia/Shanghai``; ``UTC`` for none
    software: SoftwareFacts
    summary: ReportSummary
    coverage: tuple[CrawlCoverage, ...]
    cases: tuple[ReportCase, ...]  # the cases, in the order in which they are shown; in a volume, its own
    not_checked: tuple[str, ...] = ()  # sentences on what was not checked
    format: str = REPORT_FORMAT
    volume: Volume | None = None  # this part of the report, or ``None`` for the whole
    scope: ReportScope | None = None
    looked: LookedFacts | None = None  # for a report that lists every work
    works: tuple[WorkAccount, ...] = ()  # all works; in a volume, its own

    @property
    def at_length(self) -> bool:
        """True if each case has its own pages."""
        return (len(self.cases) if self.volume is None else self.volume.cases) <= AT_LENGTH


def json_parts(facts: Iterable[ReportCase] | Iterable[WorkAccount]) -> bytes:
    """Return cases or works as elements of a report's JSON array, separated by commas."""
    return b",".join(canonical(to_plain(part)) for part in facts)


def write_report_json(out: BinaryIO, report: ReportFacts, cases: Iterable[bytes], works: Iterable[bytes] = ()) -> None:
    """Write the same JSON as ``to_json`` of the whole report, from parts made by :func:`json_parts`."""
    rest = canonical(to_plain(replace(report, cases=(), works=())))
    assert rest.startswith(_NO_CASES)
    assert rest.endswith(_NO_WORKS)
    out.write(_NO_CASES[:-2])
    out.writelines(b"," * (number > 0) + part for number, part in enumerate(cases))
    out.write(b"]," + rest[len(_NO_CASES) : -2])
    out.writelines(b"," * (number > 0) + part for number, part in enumerate(works))
    out.write(b"]}")
