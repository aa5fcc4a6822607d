"""The facts of a report: the account of a watch or a set of works over a period, with all its cases; and as JSON."""

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
"""Cases up to which a report shows each at length, on pages of its own; more stand on cards, three to a page."""
IN_A_VOLUME = 250  # cases of one volume: a file that a mail takes and a reader opens, made within a bounded memory
WORKS_IN_A_VOLUME = 1_000
"""Works of one volume of a report that names each: some thirty pages."""
_NO_CASES, _NO_WORKS = b'{"cases":[],', b',"works":[]}'
"""With which the JSON of a report without cases and works begins and ends: these are the first and last sorted keys."""


@dataclass(frozen=True, slots=True)
class RefusalCount:
    """How often something wasn't fetched or kept, for one reason."""

    reason: str  # a short stable word, such as ``robots`` or ``private-address``
    count: int

    @property
    def is_failure(self) -> bool:
        """Whether it was asked for and didn't come whole."""
        return self.reason in FAILED or self.reason.startswith("http-")


FAILED = (
    "timeout", "unreachable", "unresolvable", "redirects", "too-many-redirects", "incomplete", "broke-off",
    "bad-encoding", "error", "truncated", "broken", "too-slow",
)  # fmt: skip
"""Reasons that say that something was asked for and didn't come whole, besides HTTP errors; others say that it wasn't
asked for or kept, by a rule."""


@dataclass(frozen=True, slots=True)
class CrawlCoverage:
    """What one crawl visited."""

    source: str  # where it started, such as a site's address
    kind: str  # kind of source, such as ``site``, ``sitemap`` or ``feed``
    started: datetime  # aware, UTC
    finished: datetime | None  # aware, UTC; ``None`` while it runs
    pages: int  # pages that answered
    pictures: int  # pictures that were received and examined
    bytes_received: int  # bytes of all answers
    refused: tuple[RefusalCount, ...]  # what wasn't fetched or kept, by reason; what failed is among it
    canaries: int = 0  # known copies that the owner had planted when it began
    canaries_found: int = 0  # how many of them it found
    ended: str = ""  # why, such as ``budget-pages``; empty while it runs
    further: tuple[str, ...] = ()  # where else it started

    @property
    def failed_count(self) -> int:
        """How often something was asked for and didn't come whole."""
        return sum(refusal.count for refusal in self.refused if refusal.is_failure)

    @property
    def refused_count(self) -> int:
        """How often something wasn't asked for or kept, by a rule."""
        return sum(refusal.count for refusal in self.refused) - self.failed_count


@dataclass(frozen=True, slots=True)
class ReportSummary:
    """The counts at the head of a report."""

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
    """What a report was limited to, by whoever asked for it."""

    watch: str = ""  # name of the one watch, or empty for all
    works: tuple[int, ...] = ()  # numbers of works, ascending; none for all
    decisions: tuple[str, ...] = ("open", "confirmed", "licensed")  # cases with one of these are listed
    first: str = ""  # first day, ISO 8601, in the report's time zone; empty without a limit
    last: str = ""  # last day, likewise
    every_work: bool = False  # whether each work is named, with or without finds


@dataclass(frozen=True, slots=True)
class PlaceStanding:
    """How a place stood when it was visited last."""

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
    earlier: bool = False  # whether the seal is of another decision than the facts
    standings: tuple[PlaceStanding, ...] = ()  # how its places stood when visited last


@dataclass(frozen=True, slots=True)
class WorkAccount:
    """One work that was looked for, and what was found of it. No find says only that: none in what was looked at."""

    number: Number
    title: str
    author: str
    registered_at: datetime  # aware, UTC
    unsafe: tuple[str, ...]  # why it can't be matched safely, such as ``flat``; empty where it can
    pictures: Count  # of the work
    waiting: Count  # of these, not yet compared with all that had been seen before
    cases: tuple[int, ...]  # numbers of the cases that the report lists, ascending
    places: Count  # images on pages, of these cases, within what the report is limited to
    unlisted: Count  # its further cases, which were decided otherwise than the report lists
    first_seen: datetime | None  # of these places, aware, UTC
    last_seen: datetime | None

    @property
    def standing(self) -> str:
        """``found``, ``unlisted`` (only in cases that aren't listed), ``unsafe``, ``waiting`` or ``not-found``."""
        if self.cases:
            return "found"
        return "unlisted" if self.unlisted else "unsafe" if self.unsafe else "waiting" if self.waiting else "not-found"


@dataclass(frozen=True, slots=True)
class LookedFacts:
    """What a report that names every work says of all of them together, and of the looking."""

    works: Count  # that were asked for
    found: Count  # of these, with a case that is listed
    places: Count  # of the listed cases, within what the report is limited to
    unlisted: Count  # works of which only cases that aren't listed were found
    unsafe: Count  # works without a case that can't be matched safely
    waiting: Count  # further works without a case, not yet compared with all that had been seen before
    watches: Count  # whose crawls are in the coverage
    hosts: Count  # different ones on which pictures were seen
    uncompared: Count  # pictures among those seen that hadn't been compared with the works yet
    unreadable: Count  # and that couldn't be, such as broken ones
    until: datetime | None  # when the last of the crawls ended, or now while one ran; ``None`` without any
    calibration: CalibrationFacts | None  # how figures are judged; ``None`` where nothing was measured

    @property
    def without(self) -> int:
        """Works without a listed case."""
        return self.works - self.found


@dataclass(frozen=True, slots=True)
class Volume:
    """Which part of a report a file is."""

    number: int  # from 1
    of: int
    first: int  # place of its first case among all cases of the report, from 1
    cases: int  # cases of the whole report
    works: int = 0  # that the whole report names; 0 where it names only those of cases


@dataclass(frozen=True, slots=True)
class ReportFacts(Canonical):
    """Everything that a report says.

    Attributes:
        scope: what it was limited to, or ``None`` where it is about all that isn't cleared.
    """

    title: str  # as given by whoever asked for it
    owner: OwnerFacts
    preparer: str  # who asked for it: a person's name, or the name of a job
    period_start: datetime  # aware, UTC
    period_end: datetime  # aware, UTC
    generated_at: datetime  # aware, UTC; the date that the files state
    time_zone: str  # IANA name in which local times are shown beside UTC, such as ``Asia/Shanghai``; ``UTC`` for none
    software: SoftwareFacts
    summary: ReportSummary
    coverage: tuple[CrawlCoverage, ...]
    cases: tuple[ReportCase, ...]  # the cases, in the order in which they are shown; in a volume, its own
    not_checked: tuple[str, ...] = ()  # sentences on what wasn't checked
    format: str = REPORT_FORMAT
    volume: Volume | None = None  # which part this is, or ``None`` for the whole
    scope: ReportScope | None = None
    looked: LookedFacts | None = None  # of a report that names every work
    works: tuple[WorkAccount, ...] = ()  # each of them; in a volume, its own

    @property
    def at_length(self) -> bool:
        """Whether each case has pages of its own."""
        return (len(self.cases) if self.volume is None else self.volume.cases) <= AT_LENGTH


def json_parts(facts: Iterable[ReportCase] | Iterable[WorkAccount]) -> bytes:
    """Some cases, or works, as they stand in an array of a report, with commas between them."""
    return b",".join(canonical(to_plain(part)) for part in facts)


def write_report_json(out: BinaryIO, report: ReportFacts, cases: Iterable[bytes], works: Iterable[bytes] = ()) -> None:
    """Write what ``to_json`` of the whole report gives, of which the parts are what :func:`json_parts` gave."""
    rest = canonical(to_plain(replace(report, cases=(), works=())))
    assert rest.startswith(_NO_CASES)
    assert rest.endswith(_NO_WORKS)
    out.write(_NO_CASES[:-2])
    out.writelines(b"," * (number > 0) + part for number, part in enumerate(cases))
    out.write(b"]," + rest[len(_NO_CASES) : -2])
    out.writelines(b"," * (number > 0) + part for number, part in enumerate(works))
    out.write(b"]}")
