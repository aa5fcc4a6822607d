"""Watches, their crawls, searches and canaries, as programs are told of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count
from pydantic import ConfigDict, Field

from crawler.search_client import Service
from desk.schemas.base import NOON, Answer
from desk.schemas.rows import Plain, fields
from exhibit.clock import rfc3339
from registry import models
from registry.accounts import scoped
from registry.crawls import canaries


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


def watch(row: models.Watch) -> Plain:
    """A watch with its last crawl."""
    return watches([row])[0]


def watches(rows: Sequence[models.Watch]) -> list[Plain]:
    """The same of many, in few queries."""
    last = scoped.last_crawls(rows)
    told = {one.watch_id: plain for one, plain in _crawls(list(last.values()))}
    return [
        {
            **fields(row, "number name sources budget politeness private paused next_run_at"),
            "every_seconds": row.interval_seconds,
            "last_crawl": told.get(row.pk),
        }
        for row in rows
    ]


def searches(services: Mapping[str, Service], of: models.Owner) -> list[Plain]:
    """Searches by their short names, and for which of them an owner has a key; nothing of the key itself."""
    keys = {row.service: row for row in of.search_keys.defer("encrypted")}
    return [
        {
            "search": name,
            "name": one.name,
            "about": one.about,
            "takes": "pictures" if one.takes_pictures else "words",
            "key_added_at": rfc3339(keys[name].added_at) if name in keys else None,
            "key_added_by": keys[name].added_by if name in keys else "",
        }
        for name, one in sorted(services.items())
    ]


def canary(row: models.Canary) -> Plain:
    """A canary with what the last run that had to find it made of it."""
    return canaries_of([row])[0]


def canaries_of(rows: Sequence[models.Canary]) -> list[Plain]:
    """The same of many; asks for the last runs of each watch once."""
    last = [
        watch.crawls.filter(started_at__gte=min(one.added_at for one in rows if one.watch == watch)).order_by("-number")
        for watch in {one.watch for one in rows}
    ]
    made = canaries.results([crawl for crawls in last for crawl in crawls[:1]])
    runs = {one.canary.pk: one for found in made.values() for one in found}
    return [
        {
            **fields(row, "number url added_by added_at"),
            "work": row.work.number,
            "watch": row.watch.name,
            "last_run": fields(runs[row.pk], "outcome reason") if row.pk in runs else None,
        }
        for row in rows
    ]


def crawl(row: models.Crawl) -> Plain:
    """One run of a watch. ``state`` is ``doing`` or ``done``; ``waiting`` counts pictures not yet matched."""
    return crawls([row])[0]


def crawls(rows: Sequence[models.Crawl]) -> list[Plain]:
    """The same of many, in few queries."""
    return [plain for _, plain in _crawls(rows)]


def _crawls(rows: Sequence[models.Crawl]) -> list[tuple[models.Crawl, Plain]]:
    seen = models.Sighting.objects.filter(crawl__in=rows).values_list("crawl").order_by()
    different = Count("picture", distinct=True)
    sightings = dict(seen.annotate(count=Count("*")))
    # while a crawl goes on: its end counts them for good
    pictures = dict(seen.filter(crawl__in=[row for row in rows if row.pictures is None]).annotate(different))
    uncompared = models.Picture.objects.filter(state__in=models.UNFINISHED)
    waiting = dict(seen.filter(picture__in=uncompared).annotate(different))
    return [
        (
            row,
            {
                "watch": row.watch.name,
                **fields(row, "number state reason started_at finished_at pages"),
                "sightings": sightings.get(row.pk, 0),
                "pictures": pictures.get(row.pk, 0) if row.pictures is None else row.pictures,
                "waiting": waiting.get(row.pk, 0),
            },
        )
        for row in rows
    ]


def refusal(row: models.Refusal) -> Plain:
    """An address that a crawl didn't fetch, or whose bytes it didn't keep."""
    return fields(row, "url page_url reason sentence")


def refusals(row: models.Crawl) -> list[Plain]:
    """What a crawl refused, by the address as it was found: not fetched, not kept, or not readable as a picture."""
    unreadable = row.sightings.exclude(picture__refusal="").select_related("picture").order_by("pk")
    return [refusal(one) for one in row.refusals.order_by("pk")] + [
        {
            "url": one.image_url,
            "page_url": one.page_url,
            "reason": one.picture.refusal,
            "sentence": "The bytes can't be read as a picture.",
        }
        for one in unreadable
    ]
