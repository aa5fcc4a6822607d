"""Responses about watches, crawls, searches and known copies."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from django.db.models import Count, Sum
from pydantic import ConfigDict, Field, WithJsonSchema

from desk.schemas.base import NOON, Answer, Moment
from desk.schemas.requests import BUDGET_NAMES
from exhibit.types import Money
from registry import models, scoped
from registry.crawls import budgets, canaries, crawling
from registry.crawls.forecasts import Hosts
from registry.crawls.schedules import WEEK, WEEKDAYS, load_time_of_day
from registry.crawls.search_keys import Estimate as CostEstimate, get_obstacle, get_price
from registry.crawls.search_services import get_service, load_services as services_of
from registry.services.services import Services

Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class Source(Answer):
    """A source of a watch."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(examples=["site"], description="Type of the source.")
    url: str = Field(
        "", exclude_if=lambda url: not url, examples=["https://shop.example/"], description="URL of the source."
    )


class Crawl(Answer):
    """A crawl of a watch."""

    watch: str = Field(alias="watch.name", description="Name of the watch.")
    watch_number: int = Field(alias="watch.number", description="Number of the watch.")
    number: int
    state: str = Field(examples=["done"], description="`todo`, `doing`, `done` or `failed`.")
    reason: str = Field(description="Reason why it ended: `finished`, `budget-pages` and others.")
    started_at: Moment = Field(examples=[NOON])
    finished_at: Moment | None
    pages: int = Field(description="Number of visited pages.")
    sightings: int = Field(description="Number of pictures on pages.")
    pictures: int = Field(description="Number of different pictures.")
    pictures_waiting: int = Field(alias="waiting", description="Pictures that are waiting to be matched.")
    pages_with_scripts: int | None = Field(
        alias="scripts_not_run",
        description="Pages with scripts that may add pictures and that no browser rendered; null if unknown.",
    )
    all_pages: bool = Field(alias="everything", description="Whether unchanged pages were requested too.")
    not_requested: dict[str, int] = Field(
        alias="not_asked",
        description=(
            "Known pages that were skipped: `unchanged` in recent visits, or `stated` as unchanged by the site."
        ),
        examples=[{"unchanged": 412}],
    )
    hosts_waiting: dict[str, Moment] = Field(
        alias="waits_for",
        description=(
            "Hosts to request later, with the time: they asked for a pause, or their robots.txt was not available."
        ),
    )

    @classmethod
    def together(cls, rows: Sequence[models.Crawl]) -> list[dict[str, object]]:
        """The sightings, the different pictures, and those of them that aren't compared yet."""
        crawl_sightings = models.Sighting.objects.filter(crawl__in=rows).values_list("crawl").order_by()
        different = Count("picture", distinct=True)
        # while a crawl goes on: its end counts them for good
        pictures = dict(
            crawl_sightings.filter(crawl__in=[row for row in rows if row.pictures is None]).annotate(different)
        )
        unfinished = models.Picture.objects.filter(state__in=models.UNFINISHED)
        uncompared = dict(crawl_sightings.filter(picture__in=unfinished).annotate(different))
        sightings = dict(crawl_sightings.annotate(count=Count("*")))
        not_run = crawling.count_unrun_scripts(rows)
        return [
            {
                "sightings": sightings.get(row.pk, 0),
                "pictures": pictures.get(row.pk, 0) if row.pictures is None else row.pictures,
                "pictures_waiting": uncompared.get(row.pk, 0),
                "pages_with_scripts": not_run[row.pk],
                "hosts_waiting": crawling.list_resting_hosts(row),
            }
            for row in rows
        ]


class SearchUsage(Answer):
    """Use of a search by a crawl."""

    search: str = Field(alias="service", examples=["tineye"])
    requests: int = Field(alias="asked", description="Completed requests.")
    results: int = Field(alias="found", description="URLs returned.")
    outcome: str = Field(
        description="Reason why the search was not completed; empty if it was.", examples=["no-consent"]
    )
    spent: list[str] = Field(examples=[["0.04 USD"]], description="Costs by currency.")
    searches_left: int | None = Field(description="Searches skipped because the budget was used up.")

    @staticmethod
    def resolve_spent(row: models.Inquiry) -> list[str]:
        return [str(one) for one in budgets.sum_charges(row.charges.all())]

    @staticmethod
    def resolve_searches_left(row: models.Inquiry) -> object:
        return row.stopped_at.get("left")


class CrawlDetails(Crawl):
    """A crawl with its refusals by reason, and its searches."""

    unrendered: dict[str, int] = Field(
        description="Pages that should have been rendered and were not, by reason.", examples=[{"budget": 12}]
    )
    refused: dict[str, int] = Field(description="Refused URLs, by reason.")
    skipped: dict[str, int] = Field(
        description="Content skipped because of the crawler's limits, and unreadable list entries, by type.",
        examples=[{"style-sheets": 3}],
    )
    skipped_records: dict[str, int] = Field(
        description="Archive records without a picture, by reason.", examples=[{"http-404": 2}]
    )
    searches: list[SearchUsage] = Field(description="Searches used.")

    resolve_unrendered = staticmethod(budgets.count_unrendered)
    resolve_skipped = staticmethod(crawling.count_omissions)
    resolve_skipped_records = staticmethod(scoped.count_skipped)

    @staticmethod
    def resolve_searches(row: models.Crawl) -> object:
        return SearchUsage.from_rows(row.inquiries.order_by("pk"))


class Refusal(Answer):
    """A URL that a crawl did not fetch or store."""

    url: str
    page_url: str = Field(description="URL of the page that links to it.")
    reason: str = Field(examples=["robots"], description="Stable identifier of the reason.")
    sentence: str = Field(description="Description of the reason.")


class UnreadablePicture(Answer):
    """A fetched file that cannot be read as a picture."""

    url: str = Field(alias="image_url")
    page_url: str
    reason: str = Field(
        alias="picture.refusal", examples=["not-a-picture"], description="Stable identifier of the reason."
    )


class RunCrawl(CrawlDetails):
    """A crawl started by a command, with the number of its cases."""

    cases: int = Field(description="Number of cases with pictures of this crawl.")


class Watch(Answer):
    """A scheduled crawl."""

    number: int
    name: str = Field(examples=["shop"])
    sources: list[Source] = Field(description="Sources of the watch.")
    interval_seconds: int = Field(
        alias="interval_seconds", examples=[86400], description="Interval between crawls in seconds."
    )
    budget: dict[str, Number | str] = Field(description="Limits of each crawl.")
    spent_this_month: list[str] = Field(description="Known costs of its searches this month.", examples=[["0.04 USD"]])
    politeness: dict[str, Any] = Field(description="Settings for requests to sites.")
    private: bool = Field(description="Whether it may access private networks.")
    own_site: bool = Field(alias="own", description="Whether its sources are the owner's own sites.")
    paused: bool = Field(description="Whether the watch is paused.")
    next_run_at: Moment | None = Field(examples=[NOON])
    at: str | None = Field(examples=["02:30"], description="Time of day of its crawls, for intervals of whole days.")
    weekday: str | None = Field(
        examples=["monday"], description="Day of the week of its crawls, for intervals of whole weeks."
    )
    time_zone: str = Field(examples=["Europe/Berlin"], description="Time zone of `at`.")
    last_crawl: Crawl | None = Field(description="Latest crawl; null if there is none.")

    @staticmethod
    def resolve_budget(row: models.Watch) -> dict[str, Any]:
        names = {of_row: name for name, of_row in BUDGET_NAMES.items()}
        return {names.get(name, name): value for name, value in row.budget.items()}

    @staticmethod
    def resolve_at(row: models.Watch) -> str | None:
        when = load_time_of_day(row)
        return None if when is None else f"{when.at:%H:%M}"

    @staticmethod
    def resolve_weekday(row: models.Watch) -> str | None:
        when = load_time_of_day(row)
        weekly = when is not None and row.interval_seconds % WEEK.total_seconds() == 0
        return WEEKDAYS[when.weekday] if when is not None and when.weekday is not None and weekly else None

    @classmethod
    def together(cls, rows: Sequence[models.Watch]) -> list[dict[str, object]]:
        """Their last crawls, and what they spent."""
        last = list(scoped.last_crawls(rows).values())
        crawls = dict(zip([crawl.watch_id for crawl in last], Crawl.from_rows(last), strict=True))
        charges = budgets.list_month_charges(*(row.pk for row in rows)).order_by("currency")
        sums = list(charges.values_list("inquiry__crawl__watch", "currency").annotate(Sum("millionths")))
        spent = {row.pk: [str(Money(cost, code)) for watch, code, cost in sums if watch == row.pk] for row in rows}
        return [{"last_crawl": crawls.get(row.pk), "spent_this_month": spent[row.pk]} for row in rows]


class OptOut(Answer):
    """A host that opted out of automated access, according to the latest crawls."""

    host: str = Field(examples=["shop.example"])
    reasons: dict[str, int] = Field(
        alias="how",
        description=(
            "Number of URLs by reason: `robots`, `tdm-reserved`, `noai` or `denied-host` (the operator's list)."
        ),
        examples=[{"robots": 12}],
    )
    cases: list[int] = Field(
        description="Your cases with matches on the host, without dismissed ones.", examples=[[3, 7]]
    )


class OptOuts(Answer):
    """Hosts that opted out, those with matches first."""

    items: list[OptOut]


class Price(Answer):
    """Price of a search."""

    amount: str = Field(examples=["3.50 USD"], description="Price of `requests` requests.")
    requests: int = Field(description="Number of requests for this price.", examples=[1000])
    free_requests: int = Field(alias="free", description="Free requests per calendar month (UTC).", examples=[1000])
    checked_on: str = Field(alias="looked_up", description="Date of the price information.", examples=["2026-11-23"])

    def __str__(self) -> str:
        return (
            f"{self.amount} for {self.requests:,}, {self.free_requests:,} free a month; as of "
            f"{self.checked_on or 'no day'}"
        )


class Estimate(Answer):
    """Maximum requests of a search in one crawl, and their cost without free requests."""

    search: str = Field(examples=["tineye"], description="Name of the search.")
    searches: int = Field(description="Number of pictures of works, or of queries.")
    requests: int = Field(alias="pages", description="Requests per search.")
    cost: str | None = Field(examples=["1.44 USD"], description="Maximum cost; null if the price is unknown.")

    @staticmethod
    def resolve_cost(row: CostEstimate) -> str | None:
        return None if row.cost is None else str(row.cost)


class ArchiveEstimate(Answer):
    """Captures in the first page of a web archive's index, and the requests of a crawl."""

    archive: str = Field(examples=["wayback"], description="Name of the web archive.")
    domain: str = Field(examples=["shop.example"])
    pictures: int = Field(description="Number of different pictures on the page.")
    has_more: bool = Field(alias="more", description="Whether the index has further pages.")
    indexes: int = Field(description="Number of indexes that are queried in sequence.")
    max_pictures: int = Field(alias="most", description="Maximum pictures per crawl.")
    seconds: int = Field(description="Minimum duration of a crawl in seconds, at the archive's rate limit.")


class HostEstimate(Answer):
    """Number of listed pages on one host."""

    host: str = Field(examples=["shop.example"])
    urls: int = Field(description="Number of URLs.")
    seconds: float = Field(description="Minimum duration in seconds, at the host's rate limit.")


class ListEstimate(Answer):
    """Requests for the pages of a list, without followed links."""

    urls: int = Field(description="Number of URLs.")
    hosts: int = Field(description="Number of hosts.")
    seconds: float = Field(description="Minimum duration of a crawl in seconds. Hosts are requested in parallel.")
    largest: list[HostEstimate] = Field(description="Up to ten hosts with the most URLs.")

    @classmethod
    def from_hosts(cls, hosts: Hosts) -> Self:
        """Count what was counted by host."""
        largest = [HostEstimate(host=host, urls=n, seconds=hosts.seconds(n)) for host, n in hosts.largest]
        return cls(urls=hosts.addresses, hosts=len(hosts.counts), seconds=hosts.seconds(), largest=largest)


class Estimates(Answer):
    """Estimated requests and costs of a watch."""

    items: list[Estimate] = Field(description="Estimates of searches.")
    archives: list[ArchiveEstimate] = Field(description="Estimates of web archives.")
    lists: ListEstimate = Field(description="Estimate of listed pages.")


class Search(Answer):
    """An image search or marketplace that a watch can use with the owner's key."""

    search: str = Field(examples=["tineye"], description="Short name.")
    name: str = Field(examples=["TinEye"])
    description: str = Field(alias="about", description="Description.")
    input: str = Field(
        alias="takes",
        description="Input: `pictures` of works, `words` (queries), or `nothing` if it lists everything.",
        examples=["pictures"],
    )
    vendor_price: str = Field(alias="costs", description="The vendor's prices, with the date of the information.")
    price: Price | None = Field(description="Price in use, yours or the vendor's; null if it is unknown.")
    data_sent: str = Field(alias="sends", description="Data sent to the vendor.")
    terms: str = Field(description="URL of the vendor's terms.")
    key_format: str = Field(
        alias="key_form",
        description="Form of the key: `key`, `id:secret`, or empty if none is needed.",
        examples=["key"],
    )
    key_added_at: Moment | None = Field(description="Time at which the key was stored; null if there is none.")
    key_added_by: str = Field(description="Member who stored the key.")
    consent_given_at: Moment | None = Field(
        description="Time of the consent to send copies of works; null if there is none."
    )
    consent_given_by: str = Field(description="Member who gave the consent.")
    missing: str = Field(
        alias="lacks",
        description="Reason why it cannot be used: `no-key`, `no-consent`, or empty.",
        examples=["no-key"],
    )

    @classmethod
    def of(cls, services: Services, owner: models.Owner, name: str | None = None) -> list[Self]:
        """The searches, or the one of a short name, and what an owner has for them; nothing of a key itself."""
        services_by_name = {name: get_service(services.config, name)} if name else services_of(services.config)
        keys = {row.service: row for row in owner.search_keys.defer("encrypted")}
        consents = {(row.service, row.host): row for row in owner.search_consents.all()}
        return [
            cls.from_row(
                service,
                vendor_price=service.conditions.costs,
                data_sent=service.conditions.sends,
                terms=service.conditions.terms,
                search=name,
                price=(price := get_price(owner, name, service)) and Price.from_row(price),
                key_added_at=keys[name].added_at if name in keys else None,
                key_added_by=keys[name].added_by if name in keys else "",
                consent_given_at=yes.given_at if (yes := consents.get((name, service.host))) else None,
                consent_given_by=yes.given_by if yes else "",
                missing=get_obstacle(services, owner, name, service),
            )
            for name, service in sorted(services_by_name.items())
        ]


class Searches(Answer):
    """All searches of this installation."""

    items: list[Search]


class KnownCopyResult(Answer):
    """Result of a known copy in the latest crawl."""

    outcome: str = Field(examples=["found"], description="Whether it was found.")
    reason: str = Field(description="Reason why it was not found.")


class KnownCopy(Answer):
    """A known copy on one of the owner's pages, which a watch must find."""

    number: int
    work: int = Field(alias="work.number", description="Number of the work.")
    url: str = Field(description="URL of the page.")
    watch: str = Field(alias="watch.name", description="Name of the watch.")
    added_by: str
    added_at: Moment = Field(examples=[NOON])
    last_result: KnownCopyResult | None = Field(
        alias="last_run", description="Result in the latest crawl; null before the first one."
    )

    @classmethod
    def together(cls, rows: Sequence[models.Canary]) -> list[dict[str, object]]:
        """What the last run that had to find each made of it; asks for the last runs of each watch once."""
        first = {
            watch: min(row.added_at for row in rows if row.watch == watch) for watch in {row.watch for row in rows}
        }
        last = [watch.crawls.filter(started_at__gte=at).order_by("-number") for watch, at in first.items()]
        made = canaries.compute_results([crawl for crawls in last for crawl in crawls[:1]])
        runs = {row.canary.pk: KnownCopyResult.from_row(row) for found in made.values() for row in found}
        return [{"last_result": runs.get(row.pk)} for row in rows]
