"""What requests bring. Unknown fields are refused, so that a mistyped one isn't taken for nothing."""

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
    CLEAN: "Text without control characters.",
    SOMETHING: "Text without control characters, and not only spaces.",
    IN_LINE: "One line of text without control characters.",
    IN_LINE_SOMETHING: "One line of text without control characters, and not only spaces.",
    YEAR: "A year, month or day such as 2026, 2026-01 or 2026-01-31.",
    DOMAIN: "A domain such as shop.example.",
    URL: "An address that begins with http:// or https:// and has no spaces.",
    AMOUNT: "An amount with its currency, such as 5 USD.",
}
"""What has to be given where one of these patterns stands, for whoever gave something else."""
RENDERING = ("render", "render_pages", "render_seconds")
LIMITS = ("pages", "images", "bytes", "seconds", "depth", "visits", "searches", "money", "money_month", *RENDERING)

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


class OfferedKind(StrEnum):
    """What a webhook can be told of."""

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
    """What can be changed of many works at once."""

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


class Given(Schema):
    """Takes nothing that it doesn't know."""

    model_config = ConfigDict(extra="forbid")


class HeldAnswer(Given):
    """What is to become of a work that is held back."""

    answer: Answer = Field(description="`open` its cases, `dismiss` what waits, or `undo` that.", examples=["open"])
    reason: Long = ""


class CollectionName(Given):
    """What a collection is called."""

    name: Name = Field(examples=["Harbours"])


class Sought(Given):
    """Which works are meant: all that match."""

    q: str = Field("", max_length=200, pattern=CLEAN, description="Parts of title, author, holder, file; or a number.")
    only: Only | None = Field(None, description="Only those that need something.")
    upload: Number | None = Field(None, description="Only those it brought.")
    collection: Number | None = Field(None, description="Only those in it.")


class ProposedPictures(Given):
    """Pictures that were proposed as works."""

    pictures: Annotated[list[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]], Field(min_length=1, max_length=200)] = (
        Field(description="Their digests.", examples=[["9f" * 32]])
    )


class BulkChange(Given):
    """One change of many works, named by their numbers or all that match."""

    works: Annotated[list[Number], Field(max_length=1_000)] | None = Field(None, examples=[[1, 2]])
    match: Sought | None = Field(None, description="Where no numbers are given.")
    what: BulkField = Field(description="A field to declare, or `put` or `take` of a collection.", examples=["author"])
    value: Long = Field(
        description="What it says from then on, or the name of the collection.", examples=["A. Example"]
    )
    reason: Long = ""


class OfficialRegistration(Given):
    """A registration with an office."""

    office: Name = Field(examples=["US Copyright Office"])
    number: Name = Field(examples=["VA 2-345-678"])
    date: Day = ""


class Reason(Given):
    """Why."""

    reason: Said = Field(examples=["It is a pseudonym of mine."])


class SourceKind(StrEnum):
    """Where a watch may begin; files are for the command line on the server."""

    SITE = "site"
    SITEMAP = "sitemap"
    FEED = "feed"
    LIST = "list"


class NewSource(Given):
    """A place on the web to begin."""

    kind: SourceKind = SourceKind.SITE
    url: Url = Field(examples=["https://shop.example/"])


class WatchLimits(Given):
    """What a run of a watch may spend, and how it treats sites; what isn't said stays as it is."""

    pages: Whole | None = Field(None, ge=1, le=1_000_000, description="Pages of a run at most.")
    images: Whole | None = Field(None, ge=1, le=10_000_000, description="Pictures of a run at most.")
    bytes: Whole | None = Field(None, ge=1_000_000, le=10**12, description="Bytes of a run at most.")
    seconds: Whole | None = Field(None, ge=60, le=2_592_000, description="How long a run takes at most.")
    depth: Whole | None = Field(None, ge=0, le=50, description="Links followed from a source.")
    visits: Whole | None = Field(
        None, ge=0, le=1_000_000, description="Visits for evidence a day (UTC) that nobody asked for, at most."
    )
    searches: Whole | None = Field(None, ge=1, le=100_000, description="Searches of a run at most.")
    money: Amount | None = Field(None, description="What the searches of a run cost at most; empty for no limit.")
    money_month: Amount | None = Field(None, description="The same of a calendar month (UTC).")
    render: Literal["never", "auto", "always"] | None = Field(
        None, description="Which pages a browser renders: none, those where that promises pictures, or all."
    )
    render_pages: Whole | None = Field(
        None, ge=0, le=1_000_000, description="Pages of a run that a browser renders at most."
    )
    render_seconds: Whole | None = Field(
        None, ge=0, le=2_592_000, description="Seconds of a run that the browser takes for them at most."
    )
    delay: Annotated[float, Strict()] | None = Field(None, ge=0.5, le=60, description="Least seconds between requests.")

    @property
    def budget(self) -> dict[str, Any]:
        """What is said of what a run may spend."""
        return self.model_dump(include={*LIMITS}, exclude_none=True)

    @property
    def politeness(self) -> dict[str, float]:
        """What is said of how it treats sites."""
        return self.model_dump(include={"delay"}, exclude_none=True)


Words = Annotated[list[Name], Field(max_length=1000, description="What is searched for, of a search that takes words.")]
Works = Annotated[list[Number], Field(max_length=10_000, description="Works that are asked for; empty for all.")]


ArchiveName = Literal["wayback", "common-crawl"]
Stated = Annotated[str, Field(max_length=10, pattern="^[0-9]{4}(-[0-9]{2}){0,2}$", examples=["2019-03"])]


class WatchTimes(Given):
    """When a watch runs that has whole days between two runs; with an hour or six it is the time of one of them."""

    at: str | None = Field(
        None, pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["02:30"], description="Time of day."
    )
    weekday: Weekday | None = Field(None, description="Of runs with whole weeks between them.")
    time_zone: str | None = Field(
        None,
        max_length=64,
        pattern="^[A-Za-z0-9_+/-]+$",
        examples=["Europe/Berlin"],
        description="Where it is that time; else the installation's.",
    )


class NewWatch(WatchLimits, WatchTimes):
    """A watch to be arranged, over places, a search or an archive.

    Its first run comes after one period, or at its time of day.
    """

    name: Name = Field(examples=["shop"])
    sources: list[NewSource] = Field([], max_length=1_000)
    search: SearchName | Annotated[list[SearchName], Field(max_length=100)] | None = Field(
        None, description="What is asked, instead of sources."
    )
    archives: Annotated[list[ArchiveName], Field(max_length=2)] = Field(
        [], description="Whose captures of the domains are taken, instead of sources."
    )
    domains: Annotated[list[Name], Field(max_length=100)] = Field(
        [], description="With all hosts below them.", examples=[["shop.example"]]
    )
    since: Stated | None = Field(None, description="The first year, month or day of the captures that are taken.")
    until: Stated | None = Field(None, description="The last one, likewise.")
    words: Words = []
    works: Works = []
    newest: Flag = Field(default=False, description="A run begins with the newest work, not where the last one ended.")
    own: Flag = Field(
        default=False,
        description="The sources are your own places: pictures there are proposed as works, and no finds.",
    )
    every_seconds: Whole = Field(86_400, ge=60, le=315_360_000)


class WatchChange(WatchLimits, WatchTimes):
    """What is changed of a watch; what isn't said stays as it is."""

    name: Name | None = Field(None, examples=["shop"])
    sources: Annotated[list[NewSource], Field(min_length=1, max_length=1_000)] | None = Field(
        None, description="All of them: what isn't named any more is looked at no more. A run under way ends with that."
    )
    words: Words | None = None
    works: Works | None = None
    newest: Flag | None = None
    own: Flag | None = Field(None, description="Whether the sources are your own places.")
    every_seconds: Whole | None = Field(None, ge=60, le=315_360_000, examples=[604_800])


class NewSearchKey(Given):
    """A key for a search, of the owner's own account there."""

    key: str = Field(min_length=1, max_length=4_000, pattern="^[!-~]+$", examples=["a-key-of-yours"])


class NewSearchPrice(Given):
    """What a search costs the owner, in place of its public price."""

    amount: Annotated[Amount, Field(min_length=4)]
    requests: Number = Field(1, description="So many cost it.")
    free: Whole = Field(0, ge=0, le=10**9, description="Requests of a calendar month without a price.")


class NewLook(Given):
    """A page to look at once, or a picture's own address."""

    url: Url = Field(examples=["https://shop.example/42"])
    image: Url | None = Field(None, description="A picture that the page shows, which is fetched, too.")


class NewCanary(Given):
    """A known copy on a page of yours."""

    work: Number
    url: Url


class NewColumn(Given):
    """A heading of a table, and what it means."""

    heading: Short = Field(examples=["Bildname"])
    column: str = Field("", max_length=40, pattern=IN_LINE, description="Empty where it isn't used.", examples=["file"])


Encoding = Annotated[
    str,
    Field(
        max_length=40,
        pattern=f"^({'|'.join(ENCODINGS)})?$",
        description=f"The encoding of a CSV table that Exhibit can't determine: {', '.join(ENCODINGS)}.",
        examples=["windows-1252"],
    ),
]


class NewColumnMapping(Given):
    """What the headings of tables mean, in their order."""

    kind: Literal["works", "licences"] = Field(examples=["works"])
    columns: list[NewColumn] = Field(min_length=1, max_length=100)


class NewLicence(Given):
    """A permitted use. It says where: a domain with its subdomains, or a pattern of addresses."""

    licensee: Name = Field(examples=["Example Shop Ltd"])
    works: list[Number] = Field([], max_length=10_000, description="Numbers; empty for all works, now and later.")
    domain: str = Field("", max_length=253, pattern=DOMAIN, description="No address.", examples=["shop.example"])
    url_pattern: Long = Field("", description="`*` stands for any characters.")
    account: str = Field("", max_length=200, pattern=CLEAN, description="On the platform `domain`.")
    territories: list[Annotated[str, Field(pattern="^[A-Z]{2}$")]] = Field([], max_length=250, examples=[["CN", "DE"]])
    valid_from: Date | None = None
    valid_until: Date | None = None
    reason: Long = ""
    reseller: str = Field("", max_length=200, pattern=IN_LINE, description="The agency that sold it, if one did.")
    invoice: str = Field("", max_length=100, pattern=IN_LINE, description="The number of the invoice.")


class ChangedLicence(NewLicence):
    """All words of a licence as they are from now on."""

    why: Long = Field("", description="Why it is changed; kept with it.")


class LicenceTrial(Given):
    """Licences to be tried against the cases."""

    licences: list[NewLicence] = Field(min_length=1, max_length=1_000, description="4 MiB altogether.")
    instead_of: Number | None = Field(None, description="The licence whose words they would replace.")
    after: Whole = Field(0, ge=0, le=2_147_483_647, description="The field `next` of the answer before.")


class LastDay(Given):
    """The end of a licence."""

    day: Date = Field(examples=["2026-12-31"])
    reason: Long


class NewWebhook(Given):
    """An address that is to be told of what happens."""

    url: Url = Field(examples=["https://example.org/hooks/exhibit"])
    kinds: list[OfferedKind] = Field([], max_length=20, description="Of what; of everything when empty.")


Passkey = dict[str, Any]
"""What `navigator.credentials.get` gave, as its JSON."""


class NewQuestion(Given):
    """What a passkey is to sign."""

    act: Literal["confirm", "purge"] = Field(examples=["confirm"])
    case: Number = Field(examples=[3])


class ReportedPicture(Reason):
    """Why a picture is reported."""

    passkey: Passkey | None = Field(None, description="Where the owner has purges signed.")


class NewDecision(Given):
    """A person's decision, made through a program."""

    decision: CaseDecision = Field(examples=["confirmed"], description="`open` opens a decided case again.")
    reason: Long = Field("", examples=["No permission was given."])
    licence: Number | None = Field(None, description="The licence that permits it, when `licensed`.")
    copies: Flag = Field(default=False, description="When `cleared`: they are copies, and nothing is wrong with them.")
    passkey: Passkey | None = Field(None, description="When `confirmed`, and the owner has that signed.")


class NewDecisions(NewDecision):
    """The same decision on many cases."""

    cases: list[Number] = Field(min_length=1, max_length=MAX_CASES, examples=[[3, 4]])


class AskedAgency(Given):
    """An agency that is asked whether it sold a licence."""

    agency: Name = Field(examples=["Alamy"])


class NewAssignment(Given):
    """Cases, and who is to look after them."""

    cases: list[Number] = Field(min_length=1, max_length=MAX_CASES, examples=[[3, 4]])
    person: Number | None = Field(description="A member, by `person` of the members; null for nobody.", examples=[7])


class NewNote(Given):
    """A note."""

    words: Said = Field(examples=["Asked the photographer."])


class NoticeKind(StrEnum):
    """Under which rules a notice is written."""

    DMCA = Notice.Kind.DMCA.value
    DSA = Notice.Kind.DSA.value
    PRC = Notice.Kind.PRC.value
    OFFER = Notice.Kind.OFFER.value
    CEASE = Notice.Kind.CEASE.value
    CCB = Notice.Kind.CCB.value
    COURT = Notice.Kind.COURT.value


class Language(StrEnum):
    """Of a document."""

    ENGLISH = "en"
    CHINESE = "zh-Hans"


class NoticeLanguage(StrEnum):
    """Of a notice."""

    ENGLISH = "en"
    GERMAN = "de"
    FRENCH = "fr"
    CHINESE = "zh-Hans"


class NoticeState(StrEnum):
    """What has happened to a notice last."""

    DRAFT = Notice.State.DRAFT.value
    SIGNED = Notice.State.SIGNED.value
    SENT = Notice.State.SENT.value
    ANSWERED = Notice.State.ANSWERED.value
    COUNTERED = Notice.State.COUNTERED.value
    REMOVED = Notice.State.REMOVED.value
    ONLINE = Notice.State.ONLINE.value
    RESOLVED = Notice.State.RESOLVED.value


class NewNotice(Given):
    """A notice to be drafted about confirmed cases of one party."""

    kind: NoticeKind = Field(examples=["dmca"])
    language: NoticeLanguage = Field(
        NoticeLanguage.ENGLISH, description="Not each kind is there in each language.", examples=["en"]
    )
    cases: list[Number] = Field(min_length=1, max_length=100, description="Their numbers.", examples=[[1]])


Line = Annotated[str, Field(max_length=300, pattern=IN_LINE)]


class NoticeFields(Given):
    """What a draft says of addressee and sender; what is left out stays as it is."""

    addressee_name: Line = Field("", examples=["Copyright Agent"])
    addressee_email: Line = Field("", examples=["agent@shop.example"])
    addressee_address: Annotated[str, Field(max_length=500, pattern=CLEAN)] = ""
    addressee_source: Line = Field("", description="Where the addressee was found.")
    sender_name: Line = Field("", description="Who signs.", examples=["Ann Example"])
    sender_capacity: Line = Field("", examples=["owner"])
    sender_organisation: Line = ""
    sender_address: Line = ""
    sender_telephone: Line = ""
    sender_email: Line = ""
    sender_code: Line = Field("", description="Unified social credit code (GB 32100-2015) of a Chinese organisation.")
    sender_representative: Line = Field("", description="Of the organisation, with the position.")
    respondent_name: Line = Field("", description="Of what is filed with a board or a court, as all that follows it.")
    respondent_representative: Line = ""
    respondent_address: Line = ""
    respondent_contact: Line = ""
    facts: Long = ""
    relief: Long = ""
    amount: Line = Field("", description="Of a filing, or damages of a formal demand; none is proposed.")
    costs: Line = Field("", description="Of a formal demand: expenses, apart from damages; none are proposed.")
    undertaking: Literal["", "none", "within", "beyond"] = Field(
        "",
        description="Of a formal demand: whether one is asked for, and goes considerably beyond the uses described.",
    )
    smaller: Literal["", "yes", "no"] = Field("", description="Whether the Board is asked for a smaller claim.")
    fee: Line = Field("", description="Of an offer.")
    reply_days: Whole = Field(14, ge=1, le=365, description="Of an offer or a formal demand.")
    further: Long = Field("", description="The sender's own words, below the rest.")


Happened = Literal[
    NoticeState.ANSWERED, NoticeState.COUNTERED, NoticeState.REMOVED, NoticeState.ONLINE, NoticeState.RESOLVED
]


class NewNoticeEvent(Given):
    """What became of a notice."""

    what: Happened = Field(examples=["removed"])
    day: Date | None = Field(None, description="On which day; today, if absent.")
    words: Long = ""
