"""Request bodies. Unknown fields are rejected, so that misspelled field names are reported."""

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticKnownError

from exhibit.files.delimited import ENCODINGS
from exhibit.types import CaseDecision
from registry.cases.flood_decisions import FloodAction
from registry.cases.queue import MAX_CASES
from registry.cases.work_search import WorkListFilter
from registry.models import EventKind, Notice

CONTROL_CHARACTERS = (
    "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069\\ufffe\\uffff"
)
"""Control characters that :mod:`exhibit.plain` removes, in JSON Schema syntax. JSON text has no lone surrogates."""
TEXT_PATTERN = f"^[^{CONTROL_CHARACTERS}]*$"
WHITESPACE = "\\u0009-\\u000d\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
r"""White space as removed by :meth:`str.strip`. Implementations of JSON Schema differ in the meaning of ``\s``."""
NONEMPTY_TEXT_PATTERN = f"^[^{CONTROL_CHARACTERS}]*[^{CONTROL_CHARACTERS}{WHITESPACE}][^{CONTROL_CHARACTERS}]*$"
_LINE_CHAR = f"[^{CONTROL_CHARACTERS}\\u0009\\u000a\\u000d]"
LINE_PATTERN = f"^{_LINE_CHAR}*$"
NONEMPTY_LINE_PATTERN = f"^{_LINE_CHAR}*[^{CONTROL_CHARACTERS}{WHITESPACE}]{_LINE_CHAR}*$"
PARTIAL_DATE_PATTERN = "^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?$"
DOMAIN_PATTERN = f"^[^{CONTROL_CHARACTERS}{WHITESPACE}]*$"
URL_PATTERN = "^https?://[!-~]+$"
AMOUNT_PATTERN = "^([0-9]{1,9}([.][0-9]{1,6})? ?[A-Z]{3})?$"
PATTERN_MESSAGES = {
    TEXT_PATTERN: "Enter text without control characters.",
    NONEMPTY_TEXT_PATTERN: "Enter text that is not empty and has no control characters.",
    LINE_PATTERN: "Enter one line of text without control characters.",
    NONEMPTY_LINE_PATTERN: "Enter one line of text that is not empty and has no control characters.",
    PARTIAL_DATE_PATTERN: "Enter a year, month or day such as 2026, 2026-01 or 2026-01-31.",
    DOMAIN_PATTERN: "Enter a domain such as shop.example.",
    URL_PATTERN: "Enter a URL that starts with http:// or https:// and contains no spaces.",
    AMOUNT_PATTERN: "Enter an amount with its currency, such as 5 USD.",
}
"""Error messages by pattern."""
RENDERING_FIELDS = ("render", "render_pages", "render_seconds")
LIMIT_FIELDS = (
    "pages",
    "images",
    "bytes",
    "seconds",
    "depth",
    "visits",
    "searches",
    "max_cost",
    "max_cost_month",
    *RENDERING_FIELDS,
)

BUDGET_NAMES = {"max_cost": "money", "max_cost_month": "money_month"}
"""Names of limits in ``Watch.budget``, if they differ from those in the API."""
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _check_iso_date(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return value
    raise PydanticKnownError("date_type")


Title = Annotated[str, Field(min_length=1, max_length=500, pattern=NONEMPTY_LINE_PATTERN)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=NONEMPTY_LINE_PATTERN)]
ShortText = Annotated[str, Field(max_length=300, pattern=LINE_PATTERN)]
LongText = Annotated[str, Field(max_length=1_000, pattern=TEXT_PATTERN)]
RequiredText = Annotated[str, Field(min_length=1, max_length=1_000, pattern=NONEMPTY_TEXT_PATTERN)]
Url = Annotated[str, Field(min_length=8, max_length=2_000, pattern=URL_PATTERN)]
StrictInteger = Annotated[int, Strict()]
"""Integer in a JSON body. Strings and booleans are rejected, not converted."""
Number = Annotated[StrictInteger, Field(ge=1, le=2_147_483_647)]
Flag = Annotated[bool, Strict()]
Date = Annotated[date, BeforeValidator(_check_iso_date)]
"""Date in ISO 8601 format (YYYY-MM-DD). Times and Unix timestamps are rejected."""
PartialDate = Annotated[str, Field(max_length=10, pattern=PARTIAL_DATE_PATTERN)]
SearchName = Annotated[str, Field(min_length=1, max_length=60, pattern="^[A-Za-z0-9_-]+$", examples=["tineye"])]
Amount = Annotated[str, Field(max_length=20, pattern=AMOUNT_PATTERN, examples=["5 USD"])]


class EventType(StrEnum):
    """Type of an event."""

    CASE_OPENED = EventKind.CASE_OPENED.value
    CASE_DECIDED = EventKind.CASE_DECIDED.value
    BUNDLE_SEALED = EventKind.BUNDLE_SEALED.value
    BUNDLE_TIMESTAMPED = EventKind.BUNDLE_TIMESTAMPED.value
    KNOWN_COPY_MISSED = EventKind.KNOWN_COPY_MISSED.value
    WORK_HELD = EventKind.WORK_HELD.value
    REPORT_READY = EventKind.REPORT_READY.value
    NOTICE_DUE = EventKind.NOTICE_DUE.value
    NOTICE_REPLIED = EventKind.NOTICE_REPLIED.value
    NOTICE_VISITED = EventKind.NOTICE_VISITED.value


class BulkField(StrEnum):
    """Field to change in many works. `put` adds works to a collection, `take` removes them from it."""

    PUT = "put"
    TAKE = "take"
    AUTHOR = "author"
    AUTHOR_KIND = "author_kind"
    HOLDER = "holder"
    CREDIT = "credit"
    RIGHTS = "rights"
    CREATED = "created"
    FIRST_PUBLICATION = "first_publication"
    MEDIUM = "medium"


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class RequestBody(Schema):
    """A request body that rejects unknown fields."""

    model_config = ConfigDict(extra="forbid")


class HoldDecision(RequestBody):
    """Action for a work on hold."""

    action: FloodAction = Field(
        description="`open` opens cases for the matches on hold, `dismiss` dismisses them, and `undo` reverts the "
        "dismissal.",
        examples=["open"],
    )
    reason: LongText = Field(
        "", description="Reason for the action. It is recorded in the log and in the history of the work."
    )


class CollectionName(RequestBody):
    """Name of a collection."""

    name: Name = Field(examples=["Harbours"], description="Name of the collection.")


class WorkFilter(RequestBody):
    """Filter for works."""

    q: str = Field(
        "",
        max_length=200,
        pattern=TEXT_PATTERN,
        description="Text to find in the title, author, rights holder or file name; or a work number.",
    )
    only: WorkListFilter | None = Field(
        None,
        description="Select only works in this group, such as `doubtful` (ownership warnings) or `held` (on hold).",
    )
    upload: Number | None = Field(None, description="Select only works of the upload with this number.")
    collection: Number | None = Field(None, description="Select only works of the collection with this number.")


class ProposedPictures(RequestBody):
    """Pictures that were proposed as works."""

    pictures: Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]], Field(min_length=1, max_length=200)] = (
        Field(description="Digests of the pictures.", examples=[["9f" * 32]])
    )


class BulkChange(RequestBody):
    """A change to many works, selected either by number or by a filter."""

    works: Annotated[list[Number], Field(max_length=1_000)] | None = Field(
        None, examples=[[1, 2]], description="Work numbers; null to use `filter`."
    )
    filter: WorkFilter | None = Field(None, description="Filter that selects the works, if `works` is null.")
    field: BulkField = Field(
        description="Field to change, or `put` to add the works to a collection, or `take` to remove them from it.",
        examples=["author"],
    )
    value: LongText = Field(description="New value, or the name of the collection.", examples=["A. Example"])
    reason: LongText = Field("", description="Reason for the change. It is recorded in the history of each work.")


class OfficialRegistration(RequestBody):
    """A registration with a copyright office."""

    office: Name = Field(examples=["US Copyright Office"], description="Name of the office.")
    number: Name = Field(examples=["VA 2-345-678"], description="Registration number.")
    date: PartialDate = Field("", description="Date of registration: year, month or day.")


class Reason(RequestBody):
    """A reason for an action."""

    reason: RequiredText = Field(
        examples=["It is a pseudonym of mine."],
        description="Reason for the action. It is recorded in the log or in the history of the affected object.",
    )


class SourceKind(StrEnum):
    """Type of a source: a website, its sitemap, a feed, or an online list of pages."""

    SITE = "site"
    SITEMAP = "sitemap"
    FEED = "feed"
    LIST = "list"


class NewSource(RequestBody):
    """A source for a watch."""

    kind: SourceKind = Field(default=SourceKind.SITE, description="Type of the source.")
    url: Url = Field(examples=["https://shop.example/"], description="URL of the source.")


class WatchLimits(RequestBody):
    """Limits of crawls. When a watch is updated, omitted fields are unchanged."""

    pages: StrictInteger | None = Field(None, ge=1, le=1_000_000, description="Maximum number of pages per crawl.")
    images: StrictInteger | None = Field(None, ge=1, le=10_000_000, description="Maximum number of pictures per crawl.")
    bytes: StrictInteger | None = Field(
        None, ge=1_000_000, le=10**12, description="Maximum number of bytes downloaded per crawl."
    )
    seconds: StrictInteger | None = Field(
        None, ge=60, le=2_592_000, description="Maximum duration of a crawl in seconds."
    )
    depth: StrictInteger | None = Field(
        None, ge=0, le=50, description="Maximum number of links between a source and a page; 0 to follow no links."
    )
    visits: StrictInteger | None = Field(
        None, ge=0, le=1_000_000, description="Maximum number of automatic captures per day (UTC)."
    )
    searches: StrictInteger | None = Field(None, ge=1, le=100_000, description="Maximum number of searches per crawl.")
    max_cost: Amount | None = Field(None, description="Maximum cost of searches per crawl; unlimited if empty.")
    max_cost_month: Amount | None = Field(
        None, description="Maximum cost of searches per calendar month (UTC); unlimited if empty."
    )
    render: Literal["never", "auto", "always"] | None = Field(
        None,
        description="Pages to render in a browser: `never` (none), `auto` (pages whose scripts may add pictures) or "
        "`always` (all).",
    )
    render_pages: StrictInteger | None = Field(
        None, ge=0, le=1_000_000, description="Maximum number of rendered pages per crawl."
    )
    render_seconds: StrictInteger | None = Field(
        None, ge=0, le=2_592_000, description="Maximum rendering time per crawl in seconds."
    )
    delay: Annotated[float, Strict()] | None = Field(
        None, ge=0.5, le=60, description="Minimum delay between requests to the same host in seconds."
    )

    @property
    def budget(self) -> dict[str, Any]:
        """Limits in this request, under the names used in ``Watch.budget``."""
        limits = self.model_dump(include={*LIMIT_FIELDS}, exclude_none=True)
        return {BUDGET_NAMES.get(name, name): value for name, value in limits.items()}

    @property
    def politeness(self) -> dict[str, float]:
        """Politeness settings in this request."""
        return self.model_dump(include={"delay"}, exclude_none=True)


SearchQueries = Annotated[
    list[Name], Field(max_length=1000, description="Queries, for searches whose `input` is `words`.")
]
WorkNumbers = Annotated[list[Number], Field(max_length=10_000, description="Works to search for; all works if empty.")]


ArchiveName = Literal["wayback", "common-crawl"]
CaptureDate = Annotated[str, Field(max_length=10, pattern="^[0-9]{4}(-[0-9]{2}){0,2}$", examples=["2019-03"])]


class WatchTimes(RequestBody):
    """Time of day at which crawls start. Intervals of hours are counted from this time."""

    at: str | None = Field(
        None,
        pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$",
        examples=["02:30"],
        description="Time of day at which crawls start, such as `02:30`.",
    )
    weekday: Weekday | None = Field(
        None, description="Day of the week on which crawls start, for intervals of whole weeks."
    )
    time_zone: str | None = Field(
        None,
        max_length=64,
        pattern="^[A-Za-z0-9_+/-]+$",
        examples=["Europe/Berlin"],
        description="Time zone of `at`; by default the time zone of the installation.",
    )


class NewWatch(WatchLimits, WatchTimes):
    """A watch of sources, searches or web archives.

    The first crawl starts after one interval, or at the time of day given in `at`.
    """

    name: Name = Field(examples=["shop"], description="Name of the watch.")
    sources: list[NewSource] = Field([], max_length=1_000, description="Sites, sitemaps, feeds or pages to crawl.")
    search: SearchName | Annotated[list[SearchName], Field(max_length=100)] | None = Field(
        None, description="Short names of the searches to use, instead of sources."
    )
    archives: Annotated[list[ArchiveName], Field(max_length=2)] = Field(
        [], description="Web archives to search for captures of `domains`, instead of sources."
    )
    domains: Annotated[list[Name], Field(max_length=100)] = Field(
        [],
        description="Domains whose captures are searched in `archives`, including all subdomains.",
        examples=[["shop.example"]],
    )
    since: CaptureDate | None = Field(None, description="Date of the earliest archived capture: year, month or day.")
    until: CaptureDate | None = Field(None, description="Date of the latest archived capture: year, month or day.")
    queries: SearchQueries = []
    works: WorkNumbers = []
    newest_first: Flag = Field(
        default=False,
        description=(
            "Whether each search starts with the newest work instead of continuing where the last crawl ended."
        ),
    )
    own_site: Flag = Field(
        default=False,
        description="Whether the sources are your own sites. Pictures there are proposed as works and never open "
        "cases.",
    )
    interval_seconds: StrictInteger = Field(
        86_400, ge=60, le=315_360_000, description="Interval between crawls in seconds."
    )

    @property
    def subjects(self) -> dict[str, Any]:
        """Queries and works of searches, under the names used in the database."""
        return {"words": self.queries, "works": self.works, "newest": self.newest_first}


class WatchChange(WatchLimits, WatchTimes):
    """Changes to a watch. Omitted fields are unchanged."""

    name: Name | None = Field(None, examples=["shop"], description="Name of the watch.")
    sources: Annotated[list[NewSource], Field(min_length=1, max_length=1_000)] | None = Field(
        None,
        description="All sources of the watch. Sources that are not listed are removed, and a crawl in progress is "
        "stopped.",
    )
    queries: SearchQueries | None = Field(None, description="Queries, for searches whose `input` is `words`.")
    works: WorkNumbers | None = Field(None, description="Works to search for; all works if empty.")
    newest_first: Flag | None = Field(
        None,
        description=(
            "Whether each search starts with the newest work instead of continuing where the last crawl ended."
        ),
    )
    own_site: Flag | None = Field(
        None,
        description=(
            "Whether the sources are your own sites. Pictures there are proposed as works and never open cases."
        ),
    )
    interval_seconds: StrictInteger | None = Field(
        None, ge=60, le=315_360_000, examples=[604_800], description="Interval between crawls in seconds."
    )

    @property
    def subjects(self) -> dict[str, Any]:
        """Queries and works of searches, under the names used in the database."""
        return {"words": self.queries, "works": self.works, "newest": self.newest_first}


class NewSearchKey(RequestBody):
    """Key for a search, from the owner's account with the vendor."""

    key: str = Field(
        min_length=1,
        max_length=4_000,
        pattern="^[!-~]+$",
        examples=["a-key-of-yours"],
        description="Key in the format given in `key_format` of the search.",
    )


class NewSearchPrice(RequestBody):
    """The owner's own price for a search, used instead of the vendor's public price."""

    amount: Annotated[Amount, Field(min_length=4)] = Field(
        description="Price for the number of requests given in `requests`."
    )
    requests: Number = Field(1, description="Number of requests for this price.")
    free_requests: StrictInteger = Field(
        0, ge=0, le=10**9, description="Number of free requests per calendar month (UTC)."
    )


class PageVisit(RequestBody):
    """A page or picture URL to visit once."""

    url: Url = Field(examples=["https://shop.example/42"], description="URL of the page or picture.")
    image_url: Url | None = Field(None, description="URL of a picture on the page, which is fetched as well.")


class NewKnownCopy(RequestBody):
    """A known copy: a copy that you published on one of your own pages, to check that the watch finds it."""

    work: Number = Field(description="Work number.")
    url: Url = Field(description="URL of the page on which you published the copy.")


class NewColumn(RequestBody):
    """A table heading and its meaning."""

    heading: ShortText = Field(examples=["Bildname"], description="Heading in the table.")
    column: str = Field(
        "",
        max_length=40,
        pattern=LINE_PATTERN,
        description="Exhibit's name for the column; empty to ignore the column.",
        examples=["file"],
    )


Encoding = Annotated[
    str,
    Field(
        max_length=40,
        pattern=f"^({'|'.join(ENCODINGS)})?$",
        description=f"Encoding of a CSV table, if Exhibit cannot detect it: {', '.join(ENCODINGS)}.",
        examples=["windows-1252"],
    ),
]


class NewColumnMapping(RequestBody):
    """Meanings of table headings, in the order of the columns."""

    kind: Literal["works", "licences"] = Field(examples=["works"], description="Type of table.")
    columns: list[NewColumn] = Field(min_length=1, max_length=100, description="All headings of the table.")


class NewLicence(RequestBody):
    """A licence for a domain with its subdomains, for URLs that match a pattern, or for an account on a platform."""

    licensee: Name = Field(examples=["Example Shop Ltd"], description="Person or organisation that holds the licence.")
    works: list[Number] = Field(
        [],
        max_length=10_000,
        description="Work numbers; the licence covers all current and future works if the list is empty.",
    )
    domain: str = Field(
        "",
        max_length=253,
        pattern=DOMAIN_PATTERN,
        description=(
            "Domain (not a URL) to which the licence applies, including its subdomains; if `account` is set, the "
            "domain of the platform."
        ),
        examples=["shop.example"],
    )
    url_pattern: LongText = Field(
        "", description="Pattern of the URLs at which use is permitted; `*` matches any characters."
    )
    account: str = Field(
        "", max_length=200, pattern=TEXT_PATTERN, description="Account on the platform given in `domain`."
    )
    territories: list[Annotated[str, Field(pattern="^[A-Z]{2}$")]] = Field(
        [],
        max_length=250,
        examples=[["CN", "DE"]],
        description="Countries in which use is permitted (ISO 3166-1 alpha-2 codes); all countries if empty.",
    )
    valid_from: Date | None = Field(None, description="First day of the licence; null if it has no start date.")
    valid_until: Date | None = Field(None, description="Last day of the licence; null if it has no end date.")
    reason: LongText = Field("", description="Note about the licence.")
    reseller: str = Field("", max_length=200, pattern=LINE_PATTERN, description="Agency that sold the licence, if any.")
    invoice: str = Field("", max_length=100, pattern=LINE_PATTERN, description="Invoice number.")


class LicenceUpdate(NewLicence):
    """Complete terms of a licence, which replace its current terms."""

    change_reason: LongText = Field(
        "", description="Reason for the change. It is recorded in the history of the licence."
    )


class LicencePreviewRequest(RequestBody):
    """Licences to preview."""

    licences: list[NewLicence] = Field(min_length=1, max_length=1_000, description="Licences; at most 4 MiB in total.")
    replaces: Number | None = Field(
        None,
        description="Number of the licence whose terms the new terms would replace; null to preview new licences.",
    )
    after: StrictInteger = Field(
        0, ge=0, le=2_147_483_647, description="Value of `next` in the previous response; 0 for the first request."
    )


class LicenceEnd(RequestBody):
    """End of a licence."""

    last_day: Date = Field(examples=["2026-12-31"], description="Last day of the licence.")
    reason: LongText = Field(description="Reason why the licence ends. It is recorded in the history of the licence.")


class NewWebhook(RequestBody):
    """A webhook to add."""

    url: Url = Field(examples=["https://example.org/hooks/exhibit"], description="URL that receives events.")
    events: list[EventType] = Field([], max_length=20, description="Types of events to send; all types if empty.")


PasskeyResponse = dict[str, Any]
"""Result of `navigator.credentials.get`, as JSON."""


class PasskeyRequest(RequestBody):
    """An action to sign with a passkey."""

    action: Literal["confirm", "purge"] = Field(
        examples=["confirm"],
        description=(
            "Action to sign: `confirm` (set the decision `confirmed`) or `purge` (report a picture as illegal content)."
        ),
    )
    case: Number = Field(examples=[3], description="Case number.")


class ReportedPicture(Reason):
    """A report that a picture is illegal content."""

    passkey: PasskeyResponse | None = Field(
        None, description="Response of the passkey, if the owner requires passkeys."
    )


class NewDecision(RequestBody):
    """A decision on a case."""

    decision: CaseDecision = Field(
        examples=["confirmed"], description="Decision on the case; `open` reopens a decided case."
    )
    reason: LongText = Field("", examples=["No permission was given."], description="Reason for the decision.")
    licence: Number | None = Field(None, description="For `licensed`: number of the licence that permits the use.")
    is_copy: Flag = Field(
        default=False,
        description=(
            "For `dismissed`: whether the pictures are copies whose use is acceptable. If false, they are not copies."
        ),
    )
    passkey: PasskeyResponse | None = Field(
        None, description="For `confirmed`: response of the passkey, if the owner requires passkeys."
    )


class NewDecisions(NewDecision):
    """One decision for several cases."""

    cases: list[Number] = Field(min_length=1, max_length=MAX_CASES, examples=[[3, 4]], description="Case numbers.")


class AgencyInquiry(RequestBody):
    """An inquiry that you made to a picture agency about whether it sold a licence.

    Exhibit sends nothing to the agency.
    """

    agency: Name = Field(examples=["Alamy"], description="Name of the agency.")


class NewAssignment(RequestBody):
    """Cases, and the member to whom they are assigned."""

    cases: list[Number] = Field(min_length=1, max_length=MAX_CASES, examples=[[3, 4]], description="Case numbers.")
    member: Number | None = Field(
        description="Number of the member (`person` of the member); null to unassign the cases.", examples=[7]
    )


class NewNote(RequestBody):
    """A note to record in the history of a case."""

    text: RequiredText = Field(examples=["Asked the photographer."], description="Text of the note.")


class NoticeKind(StrEnum):
    """Type of a notice.

    A takedown notice under US (`dmca`), EU (`dsa`) or Chinese law (`prc`); `offer` (licence offer), `cease` (formal
    demand), `ccb` (claim for the US Copyright Claims Board) or `court` (court filing).
    """

    DMCA = Notice.Kind.DMCA.value
    DSA = Notice.Kind.DSA.value
    PRC = Notice.Kind.PRC.value
    OFFER = Notice.Kind.OFFER.value
    CEASE = Notice.Kind.CEASE.value
    CCB = Notice.Kind.CCB.value
    COURT = Notice.Kind.COURT.value


class Language(StrEnum):
    """Language of a document."""

    ENGLISH = "en"
    CHINESE = "zh-Hans"


class NoticeLanguage(StrEnum):
    """Language of a notice."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
    CHINESE = "zh-Hans"


class NoticeState(StrEnum):
    """Current state of a notice.

    For example `answered` (the addressee replied), `countered` (a counter-notice was received) or `online` (the picture
    is still online).
    """

    DRAFT = Notice.State.DRAFT.value
    SIGNED = Notice.State.SIGNED.value
    SENT = Notice.State.SENT.value
    ANSWERED = Notice.State.ANSWERED.value
    COUNTERED = Notice.State.COUNTERED.value
    REMOVED = Notice.State.REMOVED.value
    ONLINE = Notice.State.ONLINE.value
    RESOLVED = Notice.State.RESOLVED.value


class NewNotice(RequestBody):
    """A notice about confirmed cases of one site."""

    kind: NoticeKind = Field(examples=["dmca"], description="Type of the notice.")
    language: NoticeLanguage = Field(
        NoticeLanguage.ENGLISH,
        description="Language of the notice. Not every type is available in every language.",
        examples=["en"],
    )
    cases: list[Number] = Field(min_length=1, max_length=100, description="Case numbers.", examples=[[1]])


NoticeLine = Annotated[str, Field(max_length=300, pattern=LINE_PATTERN)]


class NoticeFields(RequestBody):
    """Fields of a draft notice. Omitted fields are unchanged."""

    addressee_name: NoticeLine = Field("", examples=["Copyright Agent"], description="Name of the addressee.")
    addressee_email: NoticeLine = Field(
        "", examples=["agent@shop.example"], description="Email address of the addressee."
    )
    addressee_address: Annotated[str, Field(max_length=500, pattern=TEXT_PATTERN)] = Field(
        "", description="Postal address of the addressee."
    )
    addressee_source: NoticeLine = Field("", description="Source of the addressee's contact details.")
    sender_name: NoticeLine = Field("", description="Name of the person who signs.", examples=["Ann Example"])
    sender_capacity: NoticeLine = Field("", examples=["owner"], description="Capacity in which the sender signs.")
    sender_organisation: NoticeLine = Field("", description="Organisation of the sender.")
    sender_address: NoticeLine = Field("", description="Postal address of the sender.")
    sender_telephone: NoticeLine = Field("", description="Telephone number of the sender.")
    sender_email: NoticeLine = Field("", description="Email address of the sender.")
    sender_code: NoticeLine = Field(
        "", description="Unified social credit code of a Chinese organisation (GB 32100-2015)."
    )
    sender_representative: NoticeLine = Field(
        "", description="Representative of the sender's organisation, with their position."
    )
    respondent_name: NoticeLine = Field("", description="Name of the respondent, in filings with a board or court.")
    respondent_representative: NoticeLine = Field(
        "", description="Representative of the respondent, in filings with a board or court."
    )
    respondent_address: NoticeLine = Field(
        "", description="Address of the respondent, in filings with a board or court."
    )
    respondent_contact: NoticeLine = Field(
        "", description="Contact details of the respondent, in filings with a board or court."
    )
    facts: LongText = Field("", description="Statement of facts, in filings with a board or court.")
    relief: LongText = Field("", description="Relief sought, in filings with a board or court.")
    amount: NoticeLine = Field(
        "", description="Amount claimed in a filing, or damages in a formal demand. Exhibit does not propose an amount."
    )
    costs: NoticeLine = Field(
        "", description="Expenses in a formal demand, apart from damages. Exhibit does not propose an amount."
    )
    undertaking: Literal["", "none", "within", "beyond"] = Field(
        "",
        description=(
            "Undertaking requested in a formal demand: `none`, `within` (limited to the uses described) or `beyond` "
            "(considerably wider than these uses)."
        ),
    )
    smaller: Literal["", "yes", "no"] = Field(
        "", description="Whether to request the smaller-claims procedure of the Copyright Claims Board."
    )
    fee: NoticeLine = Field("", description="Fee in a licence offer.")
    reply_days: StrictInteger = Field(
        14, ge=1, le=365, description="Number of days to reply to an offer or a formal demand."
    )
    further: LongText = Field("", description="Additional text from the sender.")


OutcomeState = Literal[
    NoticeState.ANSWERED, NoticeState.COUNTERED, NoticeState.REMOVED, NoticeState.ONLINE, NoticeState.RESOLVED
]


class NewNoticeEvent(RequestBody):
    """An event in the history of a sent notice."""

    state: OutcomeState = Field(examples=["removed"], description="New state of the notice.")
    day: Date | None = Field(None, description="Date of the event; today by default.")
    note: LongText = Field("", description="Note about the event. It is recorded in the history of the notice.")
