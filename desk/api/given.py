"""What requests bring. Unknown fields are refused, so that a mistyped one isn't taken for nothing."""

from datetime import date
from enum import StrEnum
from typing import Annotated

from ninja import Schema
from pydantic import ConfigDict, Field

from registry.models import Case, EventKind

CLEAN = "^[^\\u0000]*$"
SOMETHING = "^[^\\u0000]*[^\\u0000\\s][^\\u0000]*$"

Title = Annotated[str, Field(min_length=1, max_length=500, pattern=SOMETHING)]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=SOMETHING)]
Short = Annotated[str, Field(max_length=300, pattern=CLEAN)]
Long = Annotated[str, Field(max_length=1_000, pattern=CLEAN)]
Url = Annotated[str, Field(min_length=8, max_length=2_000, pattern="^https?://[!-~]+$")]
Number = Annotated[int, Field(ge=1, le=2_147_483_647)]


class OfferedKind(StrEnum):
    """What a webhook can be told of."""

    CASE_OPENED = EventKind.CASE_OPENED.value
    CASE_DECIDED = EventKind.CASE_DECIDED.value
    BUNDLE_SEALED = EventKind.BUNDLE_SEALED.value
    BUNDLE_WITNESSED = EventKind.BUNDLE_WITNESSED.value
    CANARY_MISSED = EventKind.CANARY_MISSED.value
    REPORT_READY = EventKind.REPORT_READY.value


class Given(Schema):
    """Takes nothing that it doesn't know."""

    model_config = ConfigDict(extra="forbid")


class OfficialRegistration(Given):
    """A registration with an office."""

    office: Name = Field(examples=["US Copyright Office"])
    number: Name = Field(examples=["VA 2-345-678"])
    date: Annotated[str, Field(max_length=10, pattern="^([0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?)?$")] = ""


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


class NewWatch(Given):
    """A watch to be arranged. Its first run comes after one period."""

    name: Name = Field(examples=["shop"])
    sources: list[NewSource] = Field(min_length=1, max_length=1_000)
    every_seconds: int = Field(86_400, ge=60, le=315_360_000)
    pages: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(None, description="Pages of a run at most.")
    depth: Annotated[int, Field(ge=0, le=100)] | None = Field(None, description="Links followed from a source.")
    delay: Annotated[float, Field(ge=0, le=3_600)] | None = Field(None, description="Least seconds between requests.")


class NewCanary(Given):
    """A known copy on a page of yours."""

    work: Number
    url: Url


class NewLicence(Given):
    """A permitted use. It says where: a domain with its subdomains, or a pattern of addresses."""

    licensee: Name = Field(examples=["Example Shop Ltd"])
    works: list[Number] = Field([], max_length=10_000, description="Numbers; empty for all works, now and later.")
    domain: Annotated[str, Field(max_length=253, pattern="^[^\\u0000\\s/]*$")] = Field("", examples=["shop.example"])
    url_pattern: Long = Field("", description="`*` stands for any characters.")
    account: Annotated[str, Field(max_length=200, pattern=CLEAN)] = Field("", description="On the platform `domain`.")
    territories: list[Annotated[str, Field(pattern="^[A-Z]{2}$")]] = Field([], max_length=250, examples=[["CN", "DE"]])
    valid_from: date | None = None
    valid_until: date | None = None
    reason: Long = ""


class LastDay(Given):
    """The end of a licence."""

    day: date = Field(examples=["2026-12-31"])
    reason: Long


class NewWebhook(Given):
    """An address that is to be told of what happens."""

    url: Url = Field(examples=["https://example.org/hooks/exhibit"])
    kinds: list[OfferedKind] = Field([], max_length=20, description="Of what; of everything when empty.")


class DecisionKind(StrEnum):
    """What can be decided of an open case; ``open`` opens a decided one again."""

    CONFIRMED = Case.Decision.CONFIRMED.value
    LICENSED = Case.Decision.LICENSED.value
    CLEARED = Case.Decision.CLEARED.value
    OPEN = Case.Decision.OPEN.value


class NewDecision(Given):
    """A person's decision, made through a program."""

    decision: DecisionKind = Field(examples=["confirmed"])
    reason: Long = Field("", examples=["No permission was given."])
    licence: Number | None = Field(None, description="The licence that permits it, when `licensed`.")
    copies: bool = Field(default=False, description="When `cleared`: they are copies, and nothing is wrong with them.")


class NewReport(Given):
    """A report over all cases that aren't cleared."""

    title: Short = ""
