"""Request bodies. Unknown fields are rejected, so that typing errors are noticed."""

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticKnownError

from exhibit.files.delimited import ENCODINGS
from exhibit.types import CaseDecision
from registry.cases.flood_decisions import Answer
from registry.cases.queue import MAX_CASES
from registry.cases.work_search import Only
from registry.models import EventKind, Notice

ACTING = "\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069\\ufffe\\uffff"
"""What :mod:`exhibit.plain` removes, as JSON Schema writes it; half characters are no text for it anyway."""
CLEAN = f"^[^{ACTING}]*$"
SPACES = "\\u0009-\\u000d\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
r"""White space as :meth:`str.strip` takes it; by ``\s`` each reader of JSON Schema understands something else."""
SOMETHING = f"^[^{ACTING}]*[^{ACTING}{SPACES}][^{ACTING}]*$"
_SIGN = f"[^{ACTING}\\u0009\\u000a\\u000d]"
IN_LINE = f"^{_SIGN}*$"
IN_LINE_SOMETHING = f"^{_SIGN}*[^{ACTING}{SPACES}]{_SIGN}*$"
YEAR = "^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?$"
DOMAIN = f"^[^{ACTING}{SPACES}]*$"
URL = "^https?://[!-~]+$"
AMOUNT = "^([0-9]{1,9}([.][0-9]{1,6})? ?[A-Z]{3})?$"
IN_WORDS = {
    CLEAN: "Enter text without control characters.",
    SOMETHING: "Enter text that is not empty and has no control characters.",
    IN_LINE: "Enter one line of text without control characters.",
    IN_LINE_SOMETHING: "Enter one line of text that is not empty and has no control characters.",
    YEAR: "Enter a year, month or day such as 2026, 2026-01 or 2026-01-31.",
    DOMAIN: "Enter a domain such as shop.example.",
    URL: "Enter a URL that starts with http:// or https:// and contains no spaces.",
    AMOUNT: "Enter an amount with its currency, such as 5 USD.",
}
"""Error messages by pattern."""
RENDERING = ("render", "render_pages", "render_seconds")
LIMITS = (
    "pages",
    "images",
    "bytes",
    "seconds",
    "depth",
    "visits",
    "searches",
    "max_cost",
    "max_cost_month",
    *RENDERING,
)

BUDGET_NAMES = {"max_cost": "money", "max_cost_month": "money_month"}
"""Names of limits in the rows of watches, where they differ."""
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _iso(value: object) -> object:
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return value
    raise PydanticKnownError("date_type")


Title = Annotated[str, Field(min_length=1, max_length=500, pattern=IN_LINE_SOMETHING)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=IN_LINE_SOMETHING)]
Short = Annotated[str, Field(max_length=300, pattern=IN_LINE)]
Long = Annotated[str, Field(max_length=1_000, pattern=CLEAN)]
Said = Annotated[str, Field(min_length=1, max_length=1_000, pattern=SOMETHING)]
Url = Annotated[str, Field(min_length=8, max_length=2_000, pattern=URL)]
Whole = Annotated[int, Strict()]
"""A whole number, and no text or truth value that could be read as one: of bodies, where JSON tells them apart."""
Number = Annotated[Whole, Field(ge=1, le=2_147_483_647)]
Flag = Annotated[bool, Strict()]
Date = Annotated[date, BeforeValidator(_iso)]
"""A day as ISO 8601 writes it, and no moment or number of seconds."""
Day = Annotated[str, Field(max_length=10, pattern=YEAR)]
SearchName = Annotated[str, Field(min_length=1, max_length=60, pattern="^[A-Za-z0-9_-]+$", examples=["tineye"])]
Amount = Annotated[str, Field(max_length=20, pattern=AMOUNT, examples=["5 USD"])]


class EventType(StrEnum):
    """Type of event that a webhook can receive."""

    CASE_OPENED = EventKind.CASE_OPENED.value
    CASE_DECIDED = EventKind.CASE_DECIDED.value
    BUNDLE_SEALED = EventKind.BUNDLE_SEALED.value
    BUNDLE_WITNESSED = EventKind.BUNDLE_WITNESSED.value
    CANARY_MISSED = EventKind.CANARY_MISSED.value
    WORK_HELD = EventKind.WORK_HELD.value
    REPORT_READY = EventKind.REPORT_READY.value
    NOTICE_DUE = EventKind.NOTICE_DUE.value
    NOTICE_REPLIED = EventKind.NOTICE_REPLIED.value
    NOTICE_VISITED = EventKind.NOTICE_VISITED.value


class BulkField(StrEnum):
    """Field that can be changed for many works."""

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
    """Decision about a work on hold."""

    action: Answer = Field(
        description="`open` its cases, `dismiss` the waiting matches, or `undo` the dismissal.", examples=["open"]
    )
    reason: Long = Field("", description="Reason; kept in the history.")


class CollectionName(RequestBody):
    """Name of a collection."""

    name: Name = Field(examples=["Harbours"], description="Name of the collection.")


class WorkFilter(RequestBody):
    """Filter for works."""

    q: str = Field(
        "", max_length=200, pattern=CLEAN, description="Part of title, author, holder or file name; or a number."
    )
    only: Only | None = Field(None, description="Only works that need attention for this reason.")
    upload: Number | None = Field(None, description="Only works of this upload.")
    collection: Number | None = Field(None, description="Only works of this collection.")


class ProposedPictures(RequestBody):
    """Pictures that were proposed as works."""

    pictures: Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]], Field(min_length=1, max_length=200)] = (
        Field(description="Their digests.", examples=[["9f" * 32]])
    )


class BulkChange(RequestBody):
    """One change of many works, selected by number or by a filter."""

    works: Annotated[list[Number], Field(max_length=1_000)] | None = Field(
        None, examples=[[1, 2]], description="Numbers of the works."
    )
    filter: WorkFilter | None = Field(None, description="Filter for works, if no numbers are given.")
    field: BulkField = Field(
        description="Field to change, or `put` or `take` to add works to or remove them from a collection.",
        examples=["author"],
    )
    value: Long = Field(description="New value, or the name of the collection.", examples=["A. Example"])
    reason: Long = Field("", description="Reason; kept in the history.")


class OfficialRegistration(RequestBody):
    """A registration with a copyright office."""

    office: Name = Field(examples=["US Copyright Office"], description="Name of the office.")
    number: Name = Field(examples=["VA 2-345-678"], description="Registration number.")
    date: Day = Field("", description="Date of registration: year, month or day.")


class Reason(RequestBody):
    """A reason."""

    reason: Said = Field(examples=["It is a pseudonym of mine."], description="Reason; kept in the log or history.")


class SourceKind(StrEnum):
    """Type of a source. Files can be used only with commands on the server."""

    SITE = "site"
    SITEMAP = "sitemap"
    FEED = "feed"
    LIST = "list"


class NewSource(RequestBody):
    """A source of a watch."""

    kind: SourceKind = Field(default=SourceKind.SITE, description="Type of the source.")
    url: Url = Field(examples=["https://shop.example/"], description="URL of the source.")


class WatchLimits(RequestBody):
    """Limits of a crawl. Omitted fields are unchanged."""

    pages: Whole | None = Field(None, ge=1, le=1_000_000, description="Maximum pages per crawl.")
    images: Whole | None = Field(None, ge=1, le=10_000_000, description="Maximum pictures per crawl.")
    bytes: Whole | None = Field(None, ge=1_000_000, le=10**12, description="Maximum bytes per crawl.")
    seconds: Whole | None = Field(None, ge=60, le=2_592_000, description="Maximum duration of a crawl in seconds.")
    depth: Whole | None = Field(None, ge=0, le=50, description="Maximum number of links followed from a source.")
    visits: Whole | None = Field(
        None, ge=0, le=1_000_000, description="Maximum automatic evidence visits per day (UTC)."
    )
    searches: Whole | None = Field(None, ge=1, le=100_000, description="Maximum searches per crawl.")
    max_cost: Amount | None = Field(None, description="Maximum cost of searches per crawl; unlimited if empty.")
    max_cost_month: Amount | None = Field(
        None, description="Maximum cost of searches per calendar month (UTC); unlimited if empty."
    )
    render: Literal["never", "auto", "always"] | None = Field(
        None, description="Pages to render in a browser: none, those likely to gain pictures, or all."
    )
    render_pages: Whole | None = Field(None, ge=0, le=1_000_000, description="Maximum rendered pages per crawl.")
    render_seconds: Whole | None = Field(
        None, ge=0, le=2_592_000, description="Maximum rendering time per crawl in seconds."
    )
    delay: Annotated[float, Strict()] | None = Field(
        None, ge=0.5, le=60, description="Minimum seconds between requests to a host."
    )

    @property
    def budget(self) -> dict[str, Any]:
        """What is said of what a run may spend."""
        said = self.model_dump(include={*LIMITS}, exclude_none=True)
        return {BUDGET_NAMES.get(name, name): value for name, value in said.items()}

    @property
    def politeness(self) -> dict[str, float]:
        """What is said of how it treats sites."""
        return self.model_dump(include={"delay"}, exclude_none=True)


Words = Annotated[list[Name], Field(max_length=1000, description="Queries, for a search that takes words.")]
Works = Annotated[list[Number], Field(max_length=10_000, description="Works to search for; all works if empty.")]


ArchiveName = Literal["wayback", "common-crawl"]
Stated = Annotated[str, Field(max_length=10, pattern="^[0-9]{4}(-[0-9]{2}){0,2}$", examples=["2019-03"])]


class WatchTimes(RequestBody):
    """Time of day of crawls, for intervals of whole days. An interval of hours counts from this time."""

    at: str | None = Field(
        None, pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["02:30"], description="Time of day."
    )
    weekday: Weekday | None = Field(None, description="Day of the week, for intervals of whole weeks.")
    time_zone: str | None = Field(
        None,
        max_length=64,
        pattern="^[A-Za-z0-9_+/-]+$",
        examples=["Europe/Berlin"],
        description="Time zone of `at`; by default the installation's.",
    )


class NewWatch(WatchLimits, WatchTimes):
    """A watch of sources, searches or archives.

    It first runs after one interval, or at its time of day.
    """

    name: Name = Field(examples=["shop"], description="Name of the watch.")
    sources: list[NewSource] = Field([], max_length=1_000, description="Sites, sitemaps, feeds or pages to crawl.")
    search: SearchName | Annotated[list[SearchName], Field(max_length=100)] | None = Field(
        None, description="Searches to use, instead of sources."
    )
    archives: Annotated[list[ArchiveName], Field(max_length=2)] = Field(
        [], description="Web archives to search for captures of `domains`, instead of sources."
    )
    domains: Annotated[list[Name], Field(max_length=100)] = Field(
        [], description="Domains in web archives, including all their subdomains.", examples=[["shop.example"]]
    )
    since: Stated | None = Field(None, description="Earliest capture: year, month or day.")
    until: Stated | None = Field(None, description="Latest capture: year, month or day.")
    queries: Words = []
    works: Works = []
    newest_first: Flag = Field(
        default=False, description="Start each crawl with the newest work, instead of continuing after the last one."
    )
    own_site: Flag = Field(
        default=False,
        description="The sources are your own sites: pictures there are proposed as works, and never become cases.",
    )
    interval_seconds: Whole = Field(86_400, ge=60, le=315_360_000, description="Interval between crawls in seconds.")

    @property
    def subjects(self) -> dict[str, Any]:
        """Queries and works of searches, as rows name them."""
        return {"words": self.queries, "works": self.works, "newest": self.newest_first}


class WatchChange(WatchLimits, WatchTimes):
    """Changes to a watch. Omitted fields are unchanged."""

    name: Name | None = Field(None, examples=["shop"], description="Name of the watch.")
    sources: Annotated[list[NewSource], Field(min_length=1, max_length=1_000)] | None = Field(
        None,
        description="All sources of the watch. Sources that are not listed are removed; a crawl in progress stops.",
    )
    queries: Words | None = None
    works: Works | None = None
    newest_first: Flag | None = Field(
        None, description="Start each crawl with the newest work, instead of continuing after the last one."
    )
    own_site: Flag | None = Field(None, description="Whether the sources are your own sites.")
    interval_seconds: Whole | None = Field(
        None, ge=60, le=315_360_000, examples=[604_800], description="Interval between crawls in seconds."
    )

    @property
    def subjects(self) -> dict[str, Any]:
        """Queries and works of searches, as rows name them."""
        return {"words": self.queries, "works": self.works, "newest": self.newest_first}


class NewSearchKey(RequestBody):
    """A key for a search, from the owner's account with the vendor."""

    key: str = Field(
        min_length=1,
        max_length=4_000,
        pattern="^[!-~]+$",
        examples=["a-key-of-yours"],
        description="Key in the form that `key_form` of the search states.",
    )


class NewSearchPrice(RequestBody):
    """Price of a search for the owner, instead of its public price."""

    amount: Annotated[Amount, Field(min_length=4)] = Field(description="Price of `requests` requests.")
    requests: Number = Field(1, description="Number of requests for this price.")
    free_requests: Whole = Field(0, ge=0, le=10**9, description="Free requests per calendar month.")


class PageVisit(RequestBody):
    """A page or picture URL to visit once."""

    url: Url = Field(examples=["https://shop.example/42"], description="URL of the page or picture.")
    image_url: Url | None = Field(None, description="URL of a picture on the page, which is fetched as well.")


class NewKnownCopy(RequestBody):
    """A known copy on one of your own pages."""

    work: Number = Field(description="Number of the work.")
    url: Url = Field(description="URL of the page.")


class NewColumn(RequestBody):
    """A table heading and its meaning."""

    heading: Short = Field(examples=["Bildname"], description="Heading in the table.")
    column: str = Field(
        "", max_length=40, pattern=IN_LINE, description="Column of Exhibit; empty to ignore it.", examples=["file"]
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
    """Meanings of table headings, in their order."""

    kind: Literal["works", "licences"] = Field(examples=["works"], description="Type of table.")
    columns: list[NewColumn] = Field(min_length=1, max_length=100, description="All headings of the table.")


class NewLicence(RequestBody):
    """A licence for a domain with its subdomains, or for URLs that match a pattern."""

    licensee: Name = Field(examples=["Example Shop Ltd"], description="Person or organisation that holds the licence.")
    works: list[Number] = Field(
        [], max_length=10_000, description="Numbers of works; all current and future works if empty."
    )
    domain: str = Field(
        "",
        max_length=253,
        pattern=DOMAIN,
        description="Domain including its subdomains, not a URL.",
        examples=["shop.example"],
    )
    url_pattern: Long = Field("", description="Pattern of URLs; `*` matches any characters.")
    account: str = Field("", max_length=200, pattern=CLEAN, description="Account on the platform `domain`.")
    territories: list[Annotated[str, Field(pattern="^[A-Z]{2}$")]] = Field(
        [],
        max_length=250,
        examples=[["CN", "DE"]],
        description="Country codes (ISO 3166-1 alpha-2); all countries if empty.",
    )
    valid_from: Date | None = Field(None, description="First day; unlimited if null.")
    valid_until: Date | None = Field(None, description="Last day; unlimited if null.")
    reason: Long = Field("", description="Note about the licence.")
    reseller: str = Field("", max_length=200, pattern=IN_LINE, description="Agency that sold the licence, if any.")
    invoice: str = Field("", max_length=100, pattern=IN_LINE, description="Invoice number.")


class LicenceUpdate(NewLicence):
    """All terms of a licence."""

    change_reason: Long = Field("", description="Reason for the change; kept in the history.")


class LicencePreviewRequest(RequestBody):
    """Licences to preview."""

    licences: list[NewLicence] = Field(min_length=1, max_length=1_000, description="Licences, 4 MiB in total at most.")
    replaces: Number | None = Field(None, description="Number of the licence whose terms they would replace.")
    after: Whole = Field(0, ge=0, le=2_147_483_647, description="`next` of the previous response.")


class LicenceEnd(RequestBody):
    """Last day of a licence."""

    last_day: Date = Field(examples=["2026-12-31"], description="Last day.")
    reason: Long = Field(description="Reason; kept in the history.")


class NewWebhook(RequestBody):
    """A webhook to add."""

    url: Url = Field(examples=["https://example.org/hooks/exhibit"], description="URL that receives events.")
    events: list[EventType] = Field([], max_length=20, description="Types of events to send; all types if empty.")


Passkey = dict[str, Any]
"""What `navigator.credentials.get` gave, as its JSON."""


class PasskeyRequest(RequestBody):
    """An action to sign with a passkey."""

    action: Literal["confirm", "purge"] = Field(examples=["confirm"], description="Action to sign.")
    case: Number = Field(examples=[3], description="Number of the case.")


class ReportedPicture(Reason):
    """Reason for reporting a picture."""

    passkey: Passkey | None = Field(None, description="Passkey response, if the owner requires one.")


class NewDecision(RequestBody):
    """A decision about a case."""

    decision: CaseDecision = Field(examples=["confirmed"], description="Decision. `open` reopens a decided case.")
    reason: Long = Field("", examples=["No permission was given."], description="Reason for the decision.")
    licence: Number | None = Field(None, description="Number of the licence, for `licensed`.")
    is_copy: Flag = Field(
        default=False, description="For `cleared`: the pictures are copies, and their use is acceptable."
    )
    passkey: Passkey | None = Field(None, description="Passkey response for `confirmed`, if the owner requires one.")


class NewDecisions(NewDecision):
    """One decision about several cases."""

    cases: list[Number] = Field(
        min_length=1, max_length=MAX_CASES, examples=[[3, 4]], description="Numbers of the cases."
    )


class AgencyInquiry(RequestBody):
    """An agency that you asked about a licence."""

    agency: Name = Field(examples=["Alamy"], description="Name of the agency.")


class NewAssignment(RequestBody):
    """Cases and the member to assign them to."""

    cases: list[Number] = Field(
        min_length=1, max_length=MAX_CASES, examples=[[3, 4]], description="Numbers of the cases."
    )
    member: Number | None = Field(description="Member (`person`); null to unassign the cases.", examples=[7])


class NewNote(RequestBody):
    """A note."""

    text: Said = Field(examples=["Asked the photographer."], description="Text of the note.")


class NoticeKind(StrEnum):
    """Type of a notice, by the law on which it is based."""

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
    """Latest state of a notice."""

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
        NoticeLanguage.ENGLISH, description="Language. Not every type is available in every language.", examples=["en"]
    )
    cases: list[Number] = Field(min_length=1, max_length=100, description="Numbers of the cases.", examples=[[1]])


Line = Annotated[str, Field(max_length=300, pattern=IN_LINE)]


class NoticeFields(RequestBody):
    """Fields of a draft. Omitted fields are unchanged."""

    addressee_name: Line = Field("", examples=["Copyright Agent"])
    addressee_email: Line = Field("", examples=["agent@shop.example"])
    addressee_address: Annotated[str, Field(max_length=500, pattern=CLEAN)] = ""
    addressee_source: Line = Field("", description="Source of the addressee's contact data.")
    sender_name: Line = Field("", description="Person who signs.", examples=["Ann Example"])
    sender_capacity: Line = Field("", examples=["owner"], description="Capacity in which the person signs.")
    sender_organisation: Line = ""
    sender_address: Line = ""
    sender_telephone: Line = ""
    sender_email: Line = ""
    sender_code: Line = Field("", description="Unified social credit code of a Chinese organisation (GB 32100-2015).")
    sender_representative: Line = Field("", description="Representative of the organisation, with position.")
    respondent_name: Line = Field("", description="Respondent, in filings with a board or court.")
    respondent_representative: Line = Field("", description="Representative of the respondent, in filings.")
    respondent_address: Line = Field("", description="Address of the respondent, in filings.")
    respondent_contact: Line = Field("", description="Contact of the respondent, in filings.")
    facts: Long = Field("", description="Statement of facts, in filings.")
    relief: Long = Field("", description="Relief sought, in filings.")
    amount: Line = Field(
        "", description="Amount claimed in a filing, or damages in a formal demand. Exhibit proposes none."
    )
    costs: Line = Field("", description="Expenses in a formal demand, apart from damages. Exhibit proposes none.")
    undertaking: Literal["", "none", "within", "beyond"] = Field(
        "",
        description=(
            "Undertaking in a formal demand: `none`, `within` the uses described, or considerably `beyond` them."
        ),
    )
    smaller: Literal["", "yes", "no"] = Field(
        "", description="Whether the Copyright Claims Board is asked for a smaller claim."
    )
    fee: Line = Field("", description="Fee in a licence offer.")
    reply_days: Whole = Field(14, ge=1, le=365, description="Days to reply to an offer or a formal demand.")
    further: Long = Field("", description="Additional text by the sender.")


Happened = Literal[
    NoticeState.ANSWERED, NoticeState.COUNTERED, NoticeState.REMOVED, NoticeState.ONLINE, NoticeState.RESOLVED
]


class NewNoticeEvent(RequestBody):
    """An event in the history of a sent notice."""

    state: Happened = Field(examples=["removed"], description="New state of the notice.")
    day: Date | None = Field(None, description="Day of the event; today by default.")
    note: Long = Field("", description="Note; kept in the history.")
