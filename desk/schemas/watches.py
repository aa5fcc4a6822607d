"""Watches, their crawls, searches and canaries, as programs are told of them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Self

from django.db.models import Count, Sum
from pydantic import ConfigDict, Field, WithJsonSchema

from desk.schemas.base import NOON, Answer, Moment
from exhibit.types import Money
from registry import models, scoped
from registry.crawls import budgets, canaries, crawling
from registry.crawls.forecasts import Hosts
from registry.crawls.schedules import WEEK, WEEKDAYS, kept
from registry.crawls.search_keys import Estimate as CostEstimate, lacking, price_of
from registry.crawls.search_services import service_of, services as services_of
from registry.services.services import Services

Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class Source(Answer):
    """Where a watch begins."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(examples=["site"])
    url: str = Field("", exclude_if=lambda url: not url, examples=["https://shop.example/"])


class Crawl(Answer):
    """One run of a watch."""

    watch: str = Field(alias="watch.name")
    watch_number: int = Field(alias="watch.number")
    number: int
    state: str = Field(examples=["done"])
    reason: str = Field(description="Why it ended: `finished`, `budget-pages`, …")
    started_at: Moment = Field(examples=[NOON])
    finished_at: Moment | None
    pages: int
    sightings: int
    pictures: int
    waiting: int = Field(description="Pictures that aren't compared yet.")
    scripts_not_run: int | None = Field(
        description="Pages with scripts, which may add pictures, that no browser rendered; null if that wasn't counted."
    )
    everything: bool = Field(description="Whether every page was to be asked for anew.")
    not_asked: dict[str, int] = Field(
        description="Known pages left for a later run: `unchanged` at the last visits, or so `stated` by their site.",
        examples=[{"unchanged": 412}],
    )
    waits_for: dict[str, Moment] = Field(
        description="Hosts that are asked again, and when: they asked for it, or their robots.txt can't be had."
    )

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
        not_run = crawling.scripts_not_run(rows)
        return [
            {
                "sightings": sightings.get(row.pk, 0),
                "pictures": pictures.get(row.pk, 0) if row.pictures is None else row.pictures,
                "waiting": waiting.get(row.pk, 0),
                "scripts_not_run": not_run[row.pk],
                "waits_for": crawling.resting(row),
            }
            for row in rows
        ]


class Asked(Answer):
    """What a run asked a search, and what came."""

    search: str = Field(alias="service", examples=["tineye"])
    asked: int = Field(description="Requests that were answered.")
    found: int = Field(description="Addresses that came.")
    outcome: str = Field(description="Why it wasn't asked to the end, or empty.", examples=["no-consent"])
    spent: list[str] = Field(examples=[["0.04 USD"]])
    remaining: int | None = Field(description="Searches that weren't made when money ran out.")

    @staticmethod
    def resolve_spent(row: models.Inquiry) -> list[str]:
        return [str(one) for one in budgets.spent_of(row.charges.all())]

    @staticmethod
    def resolve_remaining(row: models.Inquiry) -> object:
        return row.stopped_at.get("left")


class FullCrawl(Crawl):
    """A crawl, with how much it refused and passed over, by reason, and what it asked searches."""

    unrendered: dict[str, int] = Field(
        description="Pages that were to be rendered and weren't, by reason.", examples=[{"budget": 12}]
    )
    refused: dict[str, int]
    left_out: dict[str, int] = Field(
        description="What the crawler's limits left out of pages, and list entries it could not read.",
        examples=[{"style-sheets": 3}],
    )
    passed: dict[str, int] = Field(
        description="Records of web archives that hold no picture.", examples=[{"http-404": 2}]
    )
    searches: list[Asked]

    resolve_unrendered = staticmethod(budgets.unrendered)
    resolve_left_out = staticmethod(crawling.left_out)
    resolve_passed = staticmethod(scoped.passed_counts)

    @staticmethod
    def resolve_searches(row: models.Crawl) -> object:
        return Asked.from_rows(row.inquiries.order_by("pk"))


class Refusal(Answer):
    """What a crawl didn't fetch or keep, and why."""

    url: str
    page_url: str
    reason: str = Field(examples=["robots"])
    sentence: str


class UnreadableImage(Answer):
    """A file that a crawl fetched, and that cannot be read as an image."""

    url: str = Field(alias="image_url")
    page_url: str
    reason: str = Field(alias="picture.refusal", examples=["not-a-picture"])


class RunCrawl(FullCrawl):
    """A crawl as it was begun by a command, with how many cases came of it."""

    cases: int


class Watch(Answer):
    """A scheduled visit to places where copies may be."""

    number: int
    name: str = Field(examples=["shop"])
    sources: list[Source]
    every_seconds: int = Field(alias="interval_seconds", examples=[86400])
    budget: dict[str, Number | str]
    spent_this_month: list[str] = Field(description="By its searches, where prices are known.", examples=[["0.04 USD"]])
    politeness: dict[str, Any]
    private: bool
    own: bool = Field(description="Its places are the owner's own: pictures there are proposed as works, and no finds.")
    paused: bool
    next_run_at: Moment | None = Field(examples=[NOON])
    at: str | None = Field(
        examples=["02:30"], description="The time of day of its runs, if whole days lie between them."
    )
    weekday: str | None = Field(examples=["monday"], description="Of its runs, if whole weeks lie between them.")
    time_zone: str = Field(examples=["Europe/Berlin"], description="Where it is that time of day.")
    last_crawl: Crawl | None

    @staticmethod
    def resolve_at(row: models.Watch) -> str | None:
        when = kept(row)
        return None if when is None else f"{when.at:%H:%M}"

    @staticmethod
    def resolve_weekday(row: models.Watch) -> str | None:
        when = kept(row)
        weekly = when is not None and row.interval_seconds % WEEK.total_seconds() == 0
        return WEEKDAYS[when.weekday] if when is not None and when.weekday is not None and weekly else None

    @classmethod
    def together(cls, rows: Sequence[models.Watch]) -> list[dict[str, object]]:
        """Their last crawls, and what they spent."""
        last = list(scoped.last_crawls(rows).values())
        crawls = dict(zip([crawl.watch_id for crawl in last], Crawl.from_rows(last), strict=True))
        charges = budgets.of_month(*(row.pk for row in rows)).order_by("currency")
        sums = list(charges.values_list("inquiry__crawl__watch", "currency").annotate(Sum("millionths")))
        spent = {row.pk: [str(Money(cost, code)) for watch, code, cost in sums if watch == row.pk] for row in rows}
        return [{"last_crawl": crawls.get(row.pk), "spent_this_month": spent[row.pk]} for row in rows]


class OptOut(Answer):
    """A host that keeps addresses from programs, as the newest runs of a watch were told."""

    host: str = Field(examples=["shop.example"])
    how: dict[str, int] = Field(
        description="Addresses by `robots`, `tdm-reserved`, `noai` and `denied-host` (the operator's list).",
        examples=[{"robots": 12}],
    )
    cases: list[int] = Field(description="Your cases with finds there that aren't cleared.", examples=[[3, 7]])


class OptOuts(Answer):
    """The same of a watch, those with finds first."""

    items: list[OptOut]


class Price(Answer):
    """What requests to a search cost."""

    amount: str = Field(examples=["3.50 USD"])
    requests: int = Field(description="So many cost it.", examples=[1000])
    free: int = Field(description="Requests of a calendar month (UTC) that cost nothing.", examples=[1000])
    looked_up: str = Field(description="The day when that was so.", examples=["2026-11-23"])

    def __str__(self) -> str:
        return f"{self.amount} for {self.requests:,}, {self.free:,} free a month; as of {self.looked_up or 'no day'}"


class Estimate(Answer):
    """What a run of a watch asks a search at most, and what that costs if nothing is free."""

    search: str = Field(examples=["tineye"])
    searches: int = Field(description="Pictures of works, or sets of words.")
    requests: int = Field(alias="pages", description="For each of them.")
    cost: str | None = Field(examples=["1.44 USD"])

    @staticmethod
    def resolve_cost(row: CostEstimate) -> str | None:
        return None if row.cost is None else str(row.cost)


class ArchiveEstimate(Answer):
    """What an archive's index names of a domain on its first page, and what a run would ask."""

    archive: str = Field(examples=["wayback"])
    domain: str = Field(examples=["shop.example"])
    pictures: int = Field(description="Different ones on that page.")
    more: bool = Field(description="Whether the index goes on behind it.")
    indexes: int = Field(description="That are asked one after the other.")
    most: int = Field(description="Pictures that a run takes.")
    seconds: int = Field(description="That a run takes at least, at the archive's pace.")


class HostEstimate(Answer):
    """How many pages of a list lie at one host."""

    host: str = Field(examples=["shop.example"])
    addresses: int
    seconds: float = Field(description="That they take at least, at the host's pace.")


class ListEstimate(Answer):
    """What the pages of a list would be asked of whom. Links that are followed come on top of it."""

    addresses: int
    hosts: int
    seconds: float = Field(description="That a run takes at least: hosts are asked beside one another.")
    largest: list[HostEstimate] = Field(description="The hosts with most addresses, ten at most.")

    @classmethod
    def from_hosts(cls, hosts: Hosts) -> Self:
        """Count what was counted by host."""
        largest = [HostEstimate(host=host, addresses=n, seconds=hosts.seconds(n)) for host, n in hosts.largest]
        return cls(addresses=hosts.addresses, hosts=len(hosts.counts), seconds=hosts.seconds(), largest=largest)


class Estimates(Answer):
    """What each search of a watch would cost, and what its archives and the hosts of its lists would be asked."""

    items: list[Estimate]
    archives: list[ArchiveEstimate]
    lists: ListEstimate


class Search(Answer):
    """An image search or a marketplace that a watch can ask with the owner's own key."""

    search: str = Field(examples=["tineye"])
    name: str = Field(examples=["TinEye"])
    about: str
    takes: str = Field(description="`pictures` of works, `words`, or `nothing`: it lists all.", examples=["pictures"])
    costs: str = Field(description="What the vendor asks for it, and when that was looked up.")
    price: Price | None = Field(description="Of requests: what the owner says, or the vendor; null if not known.")
    sends: str = Field(description="What is sent out.")
    terms: str = Field(description="The address of the terms that bind.")
    key_form: str = Field(description="What a key is: `key`, `id:secret`, or empty without one.", examples=["key"])
    key_added_at: Moment | None = Field(description="When the key was kept; null without one.")
    key_added_by: str
    consent_given_at: Moment | None = Field(description="When it was allowed to be sent copies of works, if it was.")
    consent_given_by: str
    lacks: str = Field(description="Why it isn't asked: `no-key`, `no-consent`, or empty.", examples=["no-key"])

    @classmethod
    def of(cls, services: Services, owner: models.Owner, name: str | None = None) -> list[Self]:
        """The searches, or the one of a short name, and what an owner has for them; nothing of a key itself."""
        found = {name: service_of(services.config, name)} if name else services_of(services.config)
        keys = {row.service: row for row in owner.search_keys.defer("encrypted")}
        consents = {(row.service, row.host): row for row in owner.search_consents.all()}
        return [
            cls.from_row(
                one,
                **asdict(one.conditions),
                search=name,
                price=(price := price_of(owner, name, one)) and asdict(price),
                key_added_at=keys[name].added_at if name in keys else None,
                key_added_by=keys[name].added_by if name in keys else "",
                consent_given_at=yes.given_at if (yes := consents.get((name, one.host))) else None,
                consent_given_by=yes.given_by if yes else "",
                lacks=lacking(services, owner, name, one),
            )
            for name, one in sorted(found.items())
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
