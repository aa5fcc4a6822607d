"""What answers look like. The data themselves are made by :mod:`desk.shapes`, for the command line too."""

from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from ninja import Schema
from pydantic import ConfigDict, Field

T = TypeVar("T")
Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="A SHA-256 digest.", examples=["9f" * 32])]
NOON = "2026-11-20T12:00:00.000000Z"


class Answer(Schema):
    """Says of itself all that it holds."""

    model_config = ConfigDict(extra="forbid")


class Piece(Answer, Generic[T]):
    """A piece of a list, oldest first."""

    items: list[T]
    next: str | None = Field(description="The cursor of the next piece; null at the end of the list.")


class Problem(Answer):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field("", examples=["Studio Example has no work 7."])
    hint: str = Field("", description="What to do about it.")
    reason: str = Field("", description="A short stable word, such as `quota`.")
    scope: str = Field("", description="What the token would have to permit.")
    errors: list["Wrong"] = []


class Wrong(Answer):
    """One thing that is wrong with a request."""

    where: str = Field(examples=["body/given/name"])
    detail: str = Field(examples=["Field required"])


class Owner(Answer):
    """A rights holder, with counts."""

    owner: str = Field(examples=["studio-example"])
    name: str = Field(examples=["Studio Example"])
    contact: str
    works: int
    watches: int
    open_cases: int
    members: int


class Mask(Answer):
    """A part of a picture that isn't compared."""

    model_config = ConfigDict(extra="allow")

    kind: str
    sentence: str


class Picture(Answer):
    """A picture of a work."""

    digest: Hex
    format: str = Field(examples=["jpeg"])
    width: int | None
    height: int | None
    bytes: int
    masked: list[Mask]


class Conflict(Answer):
    """That somebody else registered the same or a near-same picture earlier."""

    sentence: str
    date: date


class Work(Answer):
    """A registered work."""

    number: int = Field(examples=[12])
    title: str = Field(examples=["Harbour at dawn"])
    author: str
    file: str = Field(description="The name of the file that was registered.", examples=["harbour.jpg"])
    rights: str
    first_publication: str = Field(examples=["2024-05-31"])
    registrations: list[dict[str, str]]
    registered_at: datetime = Field(examples=[NOON])
    flags: list[str] = Field(description="Why it can't be matched safely; empty when it can.")
    conflicts: list[Conflict]
    pictures: list[Picture]


class WorkCase(Answer):
    """A case of a work, in short."""

    number: int
    party: str
    decision: str


class FullWork(Work):
    """A work with its cases, and how far the search of what was seen before is."""

    cases: list[WorkCase]
    search: list[dict[str, Any]]
    seen_before: list[dict[str, Any]]


class RegisteredWork(Work):
    """A work as it was registered; ``new`` is false when the same picture was registered before."""

    new: bool


class Deposit(Answer):
    """A deposit record: what was declared of a work, sealed and logged. It creates no right."""

    work: int
    number: int
    seal: Hex
    sealed_at: datetime = Field(examples=[NOON])
    made_by: str


class Source(Answer):
    """Where a watch begins."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(examples=["site"])
    url: str = Field("", examples=["https://shop.example/"])


class Crawl(Answer):
    """One run of a watch."""

    watch: str
    number: int
    state: str = Field(examples=["done"])
    reason: str = Field(description="Why it ended: `finished`, `budget-pages`, …")
    started_at: datetime = Field(examples=[NOON])
    finished_at: datetime | None
    pages: int
    sightings: int
    pictures: int
    waiting: int = Field(description="Pictures that aren't compared yet.")


class FullCrawl(Crawl):
    """A crawl, with how much it refused, by reason."""

    refused: dict[str, int]


class Refusal(Answer):
    """What a crawl didn't fetch or keep, and why."""

    url: str
    page_url: str
    reason: str = Field(examples=["robots"])
    sentence: str


class Watch(Answer):
    """A scheduled visit to places where copies may be."""

    number: int
    name: str = Field(examples=["shop"])
    sources: list[Source]
    every_seconds: int = Field(examples=[86400])
    budget: dict[str, float]
    politeness: dict[str, Any]
    private: bool
    paused: bool
    next_run_at: datetime | None = Field(examples=[NOON])
    last_crawl: Crawl | None


class CanaryRun(Answer):
    """What the last run made of a canary."""

    outcome: str = Field(examples=["found"])
    reason: str


class Canary(Answer):
    """A known copy on a page of the owner, which a watch has to find."""

    number: int
    work: int
    url: str
    watch: str
    added_by: str
    added_at: datetime = Field(examples=[NOON])
    last_run: CanaryRun | None


class Licence(Answer):
    """A permitted use; ``works`` is empty when it is for all of them."""

    number: int
    licensee: str = Field(examples=["Example Shop Ltd"])
    works: list[int]
    domain: str = Field(examples=["shop.example"])
    url_pattern: str
    account: str
    territories: list[str]
    valid_from: date | None
    valid_until: date | None
    reason: str


class CaseWork(Answer):
    """The work of a case, in short."""

    number: int
    title: str
    file: str


class CaseLine(Answer):
    """A case in a list."""

    number: int = Field(examples=[3])
    work: CaseWork
    party: str = Field(examples=["shop.example"])
    decision: str = Field(examples=["open"])
    decided_at: datetime | None
    decided_by: str
    reason: str
    demonstration: bool
    opened_at: datetime = Field(examples=[NOON])


class Calibration(Answer):
    """What gave a probability, and its bound on false alarms."""

    name: str
    digest: Hex
    false_alarms_in_a_million_at_most: int
    photographs: int


class Use(Answer):
    """A match at a place."""

    page_url: str
    image_url: str
    first_seen: datetime = Field(examples=[NOON])
    last_seen: datetime = Field(examples=[NOON])
    picture: Hex
    match: str = Field(description="`certain` or `review`.", examples=["certain"])
    licence: int | None
    hamming: int
    inliers: int
    dense: float
    mirrored: bool
    rotation: int
    probability: float | None
    calibration: Calibration | None


class Receipt(Answer):
    """What an outside witness has answered."""

    kind: str = Field(examples=["rfc3161"])
    witness: str
    development: bool = Field(description="A witness made for trials, without legal weight.")
    state: str = Field(examples=["complete"])
    subject: str = Field(description="What was witnessed: the `manifest` or the `checkpoint` that covers it.")
    time: datetime | None
    qualified_as_of: str | None


class BundleLine(Answer):
    """A bundle in a list."""

    case: int
    number: int
    state: str = Field(examples=["done"])
    error: str
    seal: Hex | None
    sealed_at: datetime | None


class Counted(Answer):
    """How many witnesses have answered."""

    complete: int
    asked: int
    needed: int


class Bundle(BundleLine):
    """Sealed evidence, with what witnesses have answered."""

    witnessed: bool
    witnesses: Counted
    receipts: list[Receipt]


class Capture(Answer):
    """A visit to a place of a case."""

    page_url: str
    number: int
    state: str
    method: str
    outcome: str
    standing: str = Field(description="How the place stands: `online`, `removed`, …; empty while it isn't known.")
    sentence: str
    finished_at: datetime | None
    next_at: datetime | None


class CaseEvent(Answer):
    """One line of a case's history."""

    at: datetime = Field(examples=[NOON])
    kind: str
    by: str
    sentence: str


class Case(CaseLine):
    """A case with its uses and bundles."""

    uses: list[Use]
    bundles: list[Bundle]


class FullCase(Case):
    """A case with everything that is known of it."""

    captures: list[Capture]
    history: list[CaseEvent]


class Report(Answer):
    """A report, and the names of its files."""

    number: int
    title: str
    state: str = Field(examples=["done"])
    error: str
    created_at: datetime = Field(examples=[NOON])
    volumes: int
    files: list[str]


class LogHead(Answer):
    """A signed head of the log."""

    origin: str = Field(examples=["exhibit.example/log"])
    size: int
    checkpoint: str = Field(description="A C2SP signed note.")


class Inclusion(LogHead):
    """That an entry is in the log (RFC 9162, 2.1.3). What it commits to isn't told here."""

    sequence: int
    type: str
    time: datetime = Field(examples=[NOON])
    commitment: Hex
    path: list[Hex]


class Consistency(Answer):
    """That the longer log continues the shorter one (RFC 9162, 2.1.4)."""

    old: int
    new: int
    path: list[Hex]
    checkpoint: str
