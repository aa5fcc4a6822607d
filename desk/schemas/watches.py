"""Responses about watches, crawls, searches and known copies."""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from django.db.models import Count, Sum
from pydantic import ConfigDict, Field, WithJsonSchema

from desk.schemas.base import EXAMPLE_TIME, ResponseBody, UtcTime
from desk.schemas.requests import BUDGET_NAMES
from exhibit.types import Money
from registry import models, scoped
from registry.crawls import budgets, copy_checks, crawling
from registry.crawls.forecasts import HostForecast
from registry.crawls.schedules import WEEK, WEEKDAYS, load_time_of_day
from registry.crawls.search_keys import Estimate as CostEstimate, get_obstacle, get_price
from registry.crawls.search_services import get_service, load_services as services_of
from registry.services.services import Services

Number = Annotated[int | float, WithJsonSchema({"type": "number"})]


class Source(ResponseBody):
    """A source of a watch."""

    model_config = ConfigDict(extra="allow")

    kind: str = Field(examples=["site"], description="Type of the source, such as `site`, `sitemap`, `feed` or `list`.")
    url: str = Field(
        "", exclude_if=lambda url: not url, examples=["https://shop.example/"], description="URL of the source."
    )


class Crawl(ResponseBody):
    """A crawl of a watch."""

    watch: str = Field(alias="watch.name", description="Name of the watch.")
    watch_number: int = Field(alias="watch.number", description="Watch number.")
    number: int = Field(description="Crawl number.")
    state: str = Field(examples=["done"], description="State of the crawl: `queued`, `running`, `done` or `failed`.")
    reason: str = Field(
        description=(
            "Reason why the crawl ended, such as `finished` or `budget-pages` (maximum number of pages reached); "
            "empty until then."
        )
    )
    started_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the crawl was started.")
    finished_at: UtcTime | None = Field(description="Time at which the crawl ended; null until then.")
    pages: int = Field(description="Number of visited pages.")
    sightings: int = Field(description="Number of sightings; a picture found on a page is one sighting.")
    pictures: int = Field(description="Number of different pictures.")
    pictures_waiting: int = Field(alias="waiting", description="Number of pictures that are waiting to be matched.")
    pages_with_scripts: int | None = Field(
        alias="scripts_not_run",
        description="Number of pages that were not rendered although scripts may add pictures; null if unknown.",
    )
    all_pages: bool = Field(
        alias="everything", description="Whether pages that have not changed for a long time were requested too."
    )
    not_requested: dict[str, int] = Field(
        alias="skipped_pages",
        description=(
            "Number of known pages that were skipped, by reason: `unchanged` (unchanged in recent visits) or "
            "`stated` (unchanged according to the site)."
        ),
        examples=[{"unchanged": 412}],
    )
    hosts_waiting: dict[str, UtcTime] = Field(
        alias="waits_for",
        description=(
            "Hosts to which requests are postponed, with the time until which they are postponed. Either the "
            "host requested a pause, or its robots.txt was not available."
        ),
    )

    @classmethod
    def load_shared_fields(cls, rows: Sequence[models.Crawl]) -> list[dict[str, object]]:
        """Count the sightings, distinct pictures and pictures not yet compared of each crawl."""
        crawl_sightings = models.Sighting.objects.filter(crawl__in=rows).values_list("crawl").order_by()
        distinct_pictures = Count("picture", distinct=True)
        # Counted here only while a crawl is running; the final count is stored when it ends.
        pictures = dict(
            crawl_sightings.filter(crawl__in=[row for row in rows if row.pictures is None]).annotate(distinct_pictures)
        )
        unfinished_pictures = models.Picture.objects.filter(state__in=models.UNFINISHED)
        uncompared_counts = dict(crawl_sightings.filter(picture__in=unfinished_pictures).annotate(distinct_pictures))
        sightings = dict(crawl_sightings.annotate(count=Count("*")))
        unrun_scripts = crawling.count_unrun_scripts(rows)
        return [
            {
                "sightings": sightings.get(row.pk, 0),
                "pictures": pictures.get(row.pk, 0) if row.pictures is None else row.pictures,
                "pictures_waiting": uncompared_counts.get(row.pk, 0),
                "pages_with_scripts": unrun_scripts[row.pk],
                "hosts_waiting": crawling.list_paused_hosts(row),
            }
            for row in rows
        ]


class SearchUsage(ResponseBody):
    """Use of a search by a crawl."""

    search: str = Field(alias="service", examples=["tineye"], description="Short name of the search.")
    requests: int = Field(description="Number of completed requests.")
    results: int = Field(alias="found", description="Number of URLs returned.")
    outcome: str = Field(
        description="Stable identifier of the reason why the search was not completed; empty if it was completed.",
        examples=["no-consent"],
    )
    spent: list[str] = Field(
        examples=[["0.04 USD"]], description="Costs of the requests, one amount for each currency."
    )
    searches_left: int | None = Field(
        description=(
            "Number of searches that were skipped because the budget was used up; null if the budget was not used up."
        )
    )

    @staticmethod
    def resolve_spent(row: models.Inquiry) -> list[str]:
        return [str(charge_sum) for charge_sum in budgets.sum_charges(row.charges.all())]

    @staticmethod
    def resolve_searches_left(row: models.Inquiry) -> object:
        return row.stopped_at.get("left")


class CrawlDetails(Crawl):
    """A crawl with its skipped URLs, pages and records by reason, and its searches."""

    unrendered: dict[str, int] = Field(
        description="Number of pages that should have been rendered but were not, by reason.", examples=[{"budget": 12}]
    )
    refused: dict[str, int] = Field(description="Number of URLs that the crawler skipped, by reason.")
    skipped: dict[str, int] = Field(
        description="Number of items that were unreadable or exceeded the crawler's limits, by type.",
        examples=[{"style-sheets": 3}],
    )
    skipped_records: dict[str, int] = Field(
        description="Number of web archive records without a picture, by reason.", examples=[{"http-404": 2}]
    )
    searches: list[SearchUsage] = Field(description="Searches used by the crawl.")

    resolve_unrendered = staticmethod(budgets.count_unrendered)
    resolve_skipped = staticmethod(crawling.count_omissions)
    resolve_skipped_records = staticmethod(scoped.count_skipped)

    @staticmethod
    def resolve_searches(row: models.Crawl) -> object:
        return SearchUsage.from_rows(row.inquiries.order_by("pk"))


class Refusal(ResponseBody):
    """A URL that a crawl skipped: it was not fetched, or not stored."""

    url: str = Field(description="URL that was skipped.")
    page_url: str = Field(description="URL of the page that links to the skipped URL.")
    reason: str = Field(examples=["robots"], description="Stable identifier of the reason why the URL was skipped.")
    sentence: str = Field(description="Description of the reason.")


class UnreadablePicture(ResponseBody):
    """A fetched file that cannot be read as a picture."""

    url: str = Field(alias="image_url", description="URL of the file.")
    page_url: str = Field(description="URL of the page that links to the file.")
    reason: str = Field(
        alias="picture.refusal",
        examples=["not-a-picture"],
        description="Stable identifier of the reason why the file cannot be read.",
    )


class RunCrawl(CrawlDetails):
    """A crawl started by a command, with the number of its cases."""

    cases: int = Field(description="Number of cases with pictures of this crawl.")


class Watch(ResponseBody):
    """A watch: a schedule of crawls of sites, feeds, searches or web archives."""

    number: int = Field(description="Watch number.")
    name: str = Field(examples=["shop"], description="Name of the watch.")
    sources: list[Source] = Field(description="Sources of the watch.")
    interval_seconds: int = Field(
        alias="interval_seconds", examples=[86400], description="Interval between crawls in seconds."
    )
    budget: dict[str, Number | str] = Field(
        description="Limits of the crawls, with the names used in requests, such as `pages`, `images` or `depth`."
    )
    spent_this_month: list[str] = Field(
        description=(
            "Known costs of the searches of the watch in this calendar month (UTC), one amount for each currency."
        ),
        examples=[["0.04 USD"]],
    )
    politeness: dict[str, Any] = Field(
        description=(
            "Settings for requests to sites, such as `delay` (minimum delay in seconds between requests to the "
            "same host)."
        )
    )
    private: bool = Field(description="Whether the watch may access private networks.")
    own_site: bool = Field(alias="own", description="Whether the sources of the watch are the owner's own sites.")
    paused: bool = Field(description="Whether the watch is paused.")
    next_run_at: UtcTime | None = Field(
        examples=[EXAMPLE_TIME], description="Time of the next crawl; null if no crawl is scheduled."
    )
    at: str | None = Field(examples=["02:30"], description="Time of day at which crawls start; null if it is not set.")
    weekday: str | None = Field(
        examples=["monday"],
        description="Day of the week on which crawls start, for intervals of whole weeks; null if it is not set.",
    )
    time_zone: str = Field(examples=["Europe/Berlin"], description="Time zone of `at`.")
    last_crawl: Crawl | None = Field(description="Latest crawl; null if there is none.")

    @staticmethod
    def resolve_budget(row: models.Watch) -> dict[str, Any]:
        names = {row_name: name for name, row_name in BUDGET_NAMES.items()}
        return {names.get(name, name): value for name, value in row.budget.items()}

    @staticmethod
    def resolve_at(row: models.Watch) -> str | None:
        time_of_day = load_time_of_day(row)
        return None if time_of_day is None else f"{time_of_day.at:%H:%M}"

    @staticmethod
    def resolve_weekday(row: models.Watch) -> str | None:
        time_of_day = load_time_of_day(row)
        is_weekly = time_of_day is not None and row.interval_seconds % WEEK.total_seconds() == 0
        return (
            WEEKDAYS[time_of_day.weekday]
            if time_of_day is not None and time_of_day.weekday is not None and is_weekly
            else None
        )

    @classmethod
    def load_shared_fields(cls, rows: Sequence[models.Watch]) -> list[dict[str, object]]:
        """Load the latest crawl of each watch and the costs of its searches in this month."""
        last_crawls = list(scoped.list_last_crawls(rows).values())
        crawls = dict(zip([crawl.watch_id for crawl in last_crawls], Crawl.from_rows(last_crawls), strict=True))
        charges = budgets.list_month_charges(*(row.pk for row in rows)).order_by("currency")
        sums = list(charges.values_list("inquiry__crawl__watch", "currency").annotate(Sum("millionths")))
        spent = {row.pk: [str(Money(cost, code)) for watch, code, cost in sums if watch == row.pk] for row in rows}
        return [{"last_crawl": crawls.get(row.pk), "spent_this_month": spent[row.pk]} for row in rows]


class OptOut(ResponseBody):
    """A host that opted out of automated access, or is on the operator's deny list, according to the latest crawls."""

    host: str = Field(examples=["shop.example"], description="Host name.")
    reasons: dict[str, int] = Field(
        alias="how",
        description=(
            "Number of URLs by reason: `robots` (robots.txt), `tdm-reserved` (text and data mining reserved), "
            "`noai` (directive against AI use) or `denied-host` (operator's deny list)."
        ),
        examples=[{"robots": 12}],
    )
    cases: list[int] = Field(
        description="Your cases with matches on the host, by case number; dismissed cases are omitted.",
        examples=[[3, 7]],
    )


class OptOuts(ResponseBody):
    """Hosts that opted out of automated access, or are on the operator's deny list."""

    items: list[OptOut] = Field(
        description="Hosts that opted out or are on the deny list; hosts with matches come first."
    )


class Price(ResponseBody):
    """Price of a search."""

    amount: str = Field(examples=["3.50 USD"], description="Price for the number of requests given in `requests`.")
    requests: int = Field(description="Number of requests for this price.", examples=[1000])
    free_requests: int = Field(
        alias="free", description="Number of free requests per calendar month (UTC).", examples=[1000]
    )
    checked_on: str = Field(alias="looked_up", description="Date of the price information.", examples=["2026-11-23"])

    def __str__(self) -> str:
        return (
            f"{self.amount} per {self.requests:,} requests, {self.free_requests:,} free per month; as of "
            f"{self.checked_on or 'an unknown date'}"
        )


class Estimate(ResponseBody):
    """Maximum number of requests to a search in one crawl, and their cost if no request is free."""

    search: str = Field(examples=["tineye"], description="Short name of the search.")
    searches: int = Field(description="Number of searches, one for each picture of a work or for each query.")
    requests: int = Field(alias="pages", description="Maximum number of requests for each picture or query.")
    cost: str | None = Field(examples=["1.44 USD"], description="Maximum cost; null if the price is unknown.")

    @staticmethod
    def resolve_cost(row: CostEstimate) -> str | None:
        return None if row.cost is None else str(row.cost)


class ArchiveEstimate(ResponseBody):
    """Estimated size of a crawl of a web archive, based on the first page of the archive's index."""

    archive: str = Field(examples=["wayback"], description="Name of the web archive.")
    domain: str = Field(examples=["shop.example"], description="Domain searched in the archive.")
    pictures: int = Field(description="Number of different pictures listed on the first page of the index.")
    has_more: bool = Field(alias="more", description="Whether the index has further pages.")
    indexes: int = Field(description="Number of indexes that are queried one after another.")
    max_pictures: int = Field(alias="most", description="Maximum number of pictures per crawl.")
    seconds: int = Field(description="Minimum duration of a crawl in seconds, at the archive's rate limit.")


class HostEstimate(ResponseBody):
    """Number of listed pages on one host."""

    host: str = Field(examples=["shop.example"], description="Host name.")
    urls: int = Field(description="Number of listed URLs on the host.")
    seconds: float = Field(
        description="Minimum duration in seconds, given the delay between requests to the same host."
    )


class ListEstimate(ResponseBody):
    """Estimated requests for the pages in lists. Links on the pages are not counted."""

    urls: int = Field(description="Number of listed URLs.")
    hosts: int = Field(description="Number of hosts of the listed URLs.")
    seconds: float = Field(
        description="Minimum duration of a crawl in seconds. Requests to different hosts are sent in parallel."
    )
    largest: list[HostEstimate] = Field(description="Up to ten hosts with the most URLs.")

    @classmethod
    def from_hosts(cls, hosts: HostForecast) -> Self:
        """Convert URL counts by host to an estimate of requests and duration."""
        largest = [
            HostEstimate(host=host, urls=n, seconds=hosts.estimate_seconds(n)) for host, n in hosts.largest_hosts
        ]
        return cls(urls=hosts.url_count, hosts=len(hosts.counts), seconds=hosts.estimate_seconds(), largest=largest)


class Estimates(ResponseBody):
    """Estimated requests and costs of a watch."""

    items: list[Estimate] = Field(description="Estimates of searches.")
    archives: list[ArchiveEstimate] = Field(description="Estimates of web archives.")
    lists: ListEstimate = Field(description="Estimate of listed pages.")


class Search(ResponseBody):
    """An image search or marketplace that a watch can use with the owner's key."""

    search: str = Field(examples=["tineye"], description="Short name of the search.")
    name: str = Field(examples=["TinEye"], description="Name of the search.")
    description: str = Field(alias="about", description="Description of the search.")
    input: str = Field(
        alias="query_kind",
        description=(
            "Input of the search: `pictures` (pictures of works), `words` (queries) or `nothing` (the search lists "
            "all items of the service)."
        ),
        examples=["pictures"],
    )
    vendor_price: str = Field(
        alias="costs", description="The vendor's public prices, with the date of the information."
    )
    price: Price | None = Field(description="Price in use: your own or the vendor's public price; null if unknown.")
    data_sent: str = Field(alias="sends", description="Data sent to the vendor.")
    terms: str = Field(description="URL of the vendor's terms.")
    key_format: str = Field(
        alias="key_form",
        description="Format of the key: `key`, `id:secret`, or empty if no key is needed.",
        examples=["key"],
    )
    key_added_at: UtcTime | None = Field(description="Time at which the key was stored; null if no key is stored.")
    key_added_by: str = Field(description="Member who stored the key; empty if no key is stored.")
    consent_given_at: UtcTime | None = Field(
        description=(
            "Time at which a member consented to sending copies of works to the vendor; null if there is no consent."
        )
    )
    consent_given_by: str = Field(
        description="Member who gave the consent to send copies of works; empty if there is no consent."
    )
    missing: str = Field(
        alias="lacks",
        description=(
            "Reason why the search cannot be used: `no-key` (no key is stored) or `no-consent` (no consent to "
            "send copies of works); empty if it can be used."
        ),
        examples=["no-key"],
    )

    @classmethod
    def from_services(cls, services: Services, owner: models.Owner, name: str | None = None) -> list[Self]:
        """List searches with the owner's prices, keys and consents. The keys themselves are not included.

        Args:
            services: The services of this installation.
            owner: Owner of the keys and consents.
            name: Short name of the only search to return; all searches if None.
        """
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
                consent_given_at=consent.given_at if (consent := consents.get((name, service.host))) else None,
                consent_given_by=consent.given_by if consent else "",
                missing=get_obstacle(services, owner, name, service),
            )
            for name, service in sorted(services_by_name.items())
        ]


class Searches(ResponseBody):
    """All searches of this installation."""

    items: list[Search] = Field(description="Image searches and marketplaces.")


class KnownCopyResult(ResponseBody):
    """Result of the latest crawl for a known copy."""

    outcome: str = Field(
        examples=["found"],
        description=(
            "Result for the known copy: `found`, `waiting` (in progress), `not-found`, or `not-visited` (the "
            "crawl did not visit the page)."
        ),
    )
    reason: str = Field(description="Reason why the known copy was not found; empty if it was found.")


class KnownCopy(ResponseBody):
    """A known copy: a copy that the owner published on one of their own pages, to check that a watch finds it."""

    number: int = Field(description="Known copy number.")
    work: int = Field(alias="work.number", description="Work number.")
    url: str = Field(description="URL of the page with the copy.")
    watch: str = Field(alias="watch.name", description="Name of the watch.")
    added_by: str = Field(description="Member who added the known copy.")
    added_at: UtcTime = Field(examples=[EXAMPLE_TIME], description="Time at which the known copy was added.")
    last_result: KnownCopyResult | None = Field(
        alias="last_run", description="Result in the latest crawl; null before the first crawl."
    )

    @classmethod
    def load_shared_fields(cls, rows: Sequence[models.KnownCopy]) -> list[dict[str, object]]:
        """Load the result of each known copy in its watch's latest crawl.

        The latest crawl of each watch is queried once. Crawls from before the known copy was added are ignored.
        """
        first_added = {
            watch: min(row.added_at for row in rows if row.watch == watch) for watch in {row.watch for row in rows}
        }
        latest_crawls = [
            watch.crawls.filter(started_at__gte=added_at).order_by("-number") for watch, added_at in first_added.items()
        ]
        results_by_crawl = copy_checks.compute_results([crawl for crawls in latest_crawls for crawl in crawls[:1]])
        results_by_copy = {
            row.known_copy.pk: KnownCopyResult.from_row(row)
            for crawl_results in results_by_crawl.values()
            for row in crawl_results
        }
        return [{"last_result": results_by_copy.get(row.pk)} for row in rows]
