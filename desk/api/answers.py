"""What answers look like. The data themselves are made by :mod:`desk.shapes`, for the command line too."""

from datetime import datetime
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
    next: str | None = Field(description="The cursor of the next piece; null at the end of the list.", examples=[None])
    last: str = Field(
        description="The cursor of the last row: ask with it later for what is new.", examples=["after-12"]
    )


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


class Search(Answer):
    """An image search or a marketplace that a watch can ask with the owner's own key."""

    search: str = Field(examples=["tineye"])
    name: str = Field(examples=["TinEye"])
    about: str
    takes: str = Field(description="What it is asked for: `pictures` of works, or `words`.", examples=["pictures"])
    key_added_at: datetime | None = Field(description="When the key was kept; null without one.")
    key_added_by: str


class Searches(Answer):
    """All searches of this installation: they are few."""

    items: list[Search]


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
