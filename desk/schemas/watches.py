"""Watches, their crawls, searches and canaries, as programs are told of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from django.db.models import Count
from pydantic import ConfigDict, Field, WithJsonSchema

from crawler.search_client import Service
from desk.schemas.base import NOON, Answer, Moment
from registry import models
from registry.accounts import scoped
from registry.crawls import canaries

Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class Source(Answer):
    """Where a watch begins."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(examples=["site"])
    url: str = Field("", exclude_if=lambda url: not url, examples=["https://shop.example/"])


class Crawl(Answer):
    """One run of a watch."""

    watch: str = Field(alias="watch.name")
    number: int
    state: str = Field(examples=["done"])
    reason: str = Field(description="Why it ended: `finished`, `budget-pages`, …")
    started_at: Moment = Field(examples=[NOON])
    finished_at: Moment | None
    pages: int
    sightings: int
    pictures: int
    waiting: int = Field(description="Pictures that aren't compared yet.")

    @classmethod
    def together(cls, rows: Sequence[models.Crawl]) -> list[dict[str, object]]:
        """The sightings, the different pictures, and those of them that aren't compared yet."""
        seen = models.Sighting.objects.filter(crawl__in=rows).values_list("crawl").order_by()
        different = Count("picture", distinct=True)
        # while a crawl goes on: its end counts them for good
        pictures = dict(seen.filter(crawl__in=[row for row in rows if row.pictures is None]).annotate(different))
        unfinished = models.Picture.objects.filter(state__in=models.UNFINISHED)
        waiting = dict(seen.filter(picture__in=unfinished).annotate(different))
        sightings = dict(seen.annotate(count=Count("*")))
        return [
            {
                "sightings": sightings.get(row.pk, 0),
                "pictures": pictures.get(row.pk, 0) if row.pictures is None else row.pictures,
                "waiting": waiting.get(row.pk, 0),
            }
            for row in rows
        ]


class FullCrawl(Crawl):
    """A crawl, with how much it refused, by reason."""

    refused: dict[str, int]


class Refusal(Answer):
    """What a crawl didn't fetch or keep, and why."""

    url: str
    page_url: str
    reason: str = Field(examples=["robots"])
    sentence: str

    @classmethod
    def of(cls, row: models.Crawl) -> list[Self]:
        """What a crawl refused, by the address as it was found: not fetched, not kept, or not readable as a picture."""
        unreadable = row.sightings.exclude(picture__refusal="").select_related("picture").order_by("pk")
        unread = "The bytes can't be read as a picture."
        return cls.from_rows(row.refusals.order_by("pk")) + [
            cls(url=one.image_url, page_url=one.page_url, reason=one.picture.refusal, sentence=unread)
            for one in unreadable
        ]


class ShownCrawl(Crawl):
    """A crawl, with all that it refused."""

    refusals: list[Refusal]


class RunCrawl(FullCrawl):
    """A crawl as it was begun by a command, with how many cases came of it."""

    cases: int


class Watch(Answer):
    """A scheduled visit to places where copies may be."""

    number: int
    name: str = Field(examples=["shop"])
    sources: list[Source]
    every_seconds: int = Field(alias="interval_seconds", examples=[86400])
    budget: dict[str, Number]
    politeness: dict[str, Any]
    private: bool
    paused: bool
    next_run_at: Moment | None = Field(examples=[NOON])
    last_crawl: Crawl | None

    @classmethod
    def together(cls, rows: Sequence[models.Watch]) -> list[dict[str, object]]:
        """Their last crawls."""
        last = list(scoped.last_crawls(rows).values())
        crawls = dict(zip([crawl.watch_id for crawl in last], Crawl.from_rows(last), strict=True))
        return [{"last_crawl": crawls.get(row.pk)} for row in rows]


class Search(Answer):
    """An image search or a marketplace that a watch can ask with the owner's own key."""

    search: str = Field(examples=["tineye"])
    name: str = Field(examples=["TinEye"])
    about: str
    takes: str = Field(description="What it is asked for: `pictures` of works, or `words`.", examples=["pictures"])
    key_added_at: Moment | None = Field(description="When the key was kept; null without one.")
    key_added_by: str

    @classmethod
    def of(cls, services: Mapping[str, Service], owner: models.Owner) -> list[Self]:
        """Searches by their short names, and for which of them an owner has a key; nothing of the key itself."""
        keys = {row.service: row for row in owner.search_keys.defer("encrypted")}
        return [
            cls(
                search=name,
                name=one.name,
                about=one.about,
                takes="pictures" if one.takes_pictures else "words",
                key_added_at=keys[name].added_at if name in keys else None,
                key_added_by=keys[name].added_by if name in keys else "",
            )
            for name, one in sorted(services.items())
        ]


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
    work: int = Field(alias="work.number")
    url: str
    watch: str = Field(alias="watch.name")
    added_by: str
    added_at: Moment = Field(examples=[NOON])
    last_run: CanaryRun | None

    @classmethod
    def together(cls, rows: Sequence[models.Canary]) -> list[dict[str, object]]:
        """What the last run that had to find each made of it; asks for the last runs of each watch once."""
        first = {
            watch: min(row.added_at for row in rows if row.watch == watch) for watch in {row.watch for row in rows}
        }
        last = [watch.crawls.filter(started_at__gte=at).order_by("-number") for watch, at in first.items()]
        made = canaries.results([crawl for crawls in last for crawl in crawls[:1]])
        runs = {row.canary.pk: CanaryRun.from_row(row) for found in made.values() for row in found}
        return [{"last_run": runs.get(row.pk)} for row in rows]
