"""Remaining budget of a crawl across all of its slices, including its requests to search services.

Each request to a search service is recorded before it is sent, so that every paid request is counted.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Sum

from crawler.formats.job import MIN_GAIN_FRACTION, RenderingCounts
from exhibit.clock import now
from exhibit.errors import RefusedError
from exhibit.types import Money, Price, parse_money
from registry.accounts.models import Owner
from registry.crawls.models import Crawl, CrawlSlice, FrontierUrl, Inquiry, SearchCharge, Watch
from registry.db.rows import update_row

RENDER_PAGES, RENDER_SECONDS = 200, 1_800
RENDERING: Mapping[str, int | str] = {"render": "auto", "render_pages": RENDER_PAGES, "render_seconds": RENDER_SECONDS}
"""Default rendering mode (:class:`crawler.formats.job.Render`) and limits per run."""

MAX_SLICES = 500
"""Maximum number of a watch's latest slices that are used to measure the benefit of rendering."""
MAX_COUNTED_PAGES, RETRY_RUN_INTERVAL = 2, 8

_NO_LIMIT = 2**31 - 1
_NO_BYTE_LIMIT = 2**62
VISITS_KEY, VISITS_PER_DAY = "visits", 1_000
"""Budget key for the maximum number of automatic captures of a watch's matches per day, and its default."""
RUN_COST_KEY, MONTH_COST_KEY = "money", "money_month"
"""Budget keys for the maximum cost of a run and of a calendar month (UTC), with values such as `4.99 USD`."""
UNPRICED_REASON = "no-price"


@dataclass(frozen=True, slots=True)
class RemainingBudget:
    """The remaining budget of a crawl."""

    pages: int  # including sitemaps and feeds; single images are visited even at 0
    images: int  # number of image URLs
    bytes: int  # stored and read
    seconds: float  # until the crawl's time limit
    hosts: int  # number of additional hosts whose pages may be visited
    render_pages: int  # pages that a browser may render
    render_seconds: float  # rendering time
    end_reason: str  # reason why the crawl must end, such as ``budget-bytes``, or empty


def get_remaining_budget(crawl: Crawl) -> RemainingBudget:
    """Return a crawl's remaining budget. Pages leased to slices count as used, so that the limit is never exceeded."""
    budget: Mapping[str, float] = crawl.watch.budget
    started_urls = crawl.frontier.exclude(kind="image").exclude(state=FrontierUrl.State.PENDING)
    leased_count = started_urls.filter(state=FrontierUrl.State.LEASED).count()
    slice_counts: list[Mapping[str, Any]] = []  # not loaded unless needed: a long crawl has many slices
    if {"images", "bytes", "render"} & budget.keys():
        slice_counts = [counts for counts in crawl.slices.values_list("counts", flat=True) if counts]
    deadline = min(crawl.started_at, now()) + timedelta(seconds=float(budget.get("seconds", _NO_LIMIT)))
    remaining_amounts = {
        "images": int(budget.get("images", _NO_LIMIT)) - sum(int(counts.get("images", 0)) for counts in slice_counts),
        "bytes": int(budget.get("bytes", _NO_BYTE_LIMIT)) - sum(int(counts.get("bytes", 0)) for counts in slice_counts),
        "seconds": (deadline - now()).total_seconds(),
    }
    # The remaining amount may be too small to continue. A slice that ended for that reason shows this, except for the
    # time limit, because slices have their own.
    reasons = {str(counts.get("reason", "")) for counts in slice_counts} - {"budget-seconds"}
    end_reasons = [
        f"budget-{name}"
        for name in remaining_amounts
        if name in budget and (remaining_amounts[name] <= 0 or f"budget-{name}" in reasons)
    ]
    rendered_pages = sum(int(counts.get("rendered", 0)) for counts in slice_counts)
    render_seconds = sum(float(counts.get("render_seconds", 0)) for counts in slice_counts)
    return RemainingBudget(
        pages=max(0, int(budget.get("pages", _NO_LIMIT)) - crawl.pages - leased_count),
        images=int(remaining_amounts["images"]),
        bytes=int(remaining_amounts["bytes"]),
        seconds=remaining_amounts["seconds"],
        hosts=max(0, int(budget["hosts"]) - started_urls.values("host").distinct().count())
        if "hosts" in budget
        else _NO_LIMIT,
        render_pages=max(0, int(budget.get("render_pages", RENDER_PAGES)) - rendered_pages),
        render_seconds=max(0.0, float(budget.get("render_seconds", RENDER_SECONDS)) - render_seconds),
        end_reason=next(iter(end_reasons), ""),
    )


def load_render_gains(crawl: Crawl) -> dict[str, RenderingCounts]:
    """Return the gain from rendering for each host, from the slices of a crawl and of the watch's latest runs.

    If earlier runs gained too little, only a few of a host's pages are counted, fewer than a decision requires
    (:data:`crawler.rendering.renderer.TRIAL_PAGES`), so that each run tries another page. In every eighth run, no
    earlier pages are counted, so that rendering is tried again.
    """
    current_counts, earlier_counts = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    slices = CrawlSlice.objects.filter(crawl__watch=crawl.watch_id, counts__has_key="rendered_of").order_by("-pk")
    for run, counts in slices.values_list("crawl", "counts")[:MAX_SLICES]:
        for host, gains in counts["rendered_of"].items():
            (current_counts if run == crawl.pk else earlier_counts).update(
                {(host, kind): int(count) for kind, count in gains.items()}
            )
    results = {}
    for host in {host for host, _kind in current_counts | earlier_counts}:
        pages, gained_pages = earlier_counts[host, "pages"], earlier_counts[host, "gained"]
        if not gained_pages or gained_pages < MIN_GAIN_FRACTION * pages:
            pages, gained_pages = 0 if crawl.number % RETRY_RUN_INTERVAL == 0 else min(pages, MAX_COUNTED_PAGES), 0
        results[host] = RenderingCounts(
            pages=pages + current_counts[host, "pages"], gained=gained_pages + current_counts[host, "gained"]
        )
    return results


def count_unrendered(crawl: Crawl) -> dict[str, int]:
    """Count the pages that should have been rendered but were not, by reason, such as ``budget``."""
    reasons: Counter[str] = Counter()
    for counts in crawl.slices.filter(counts__has_key="unrendered").values_list("counts", flat=True):
        reasons.update(counts["unrendered"])
    return dict(sorted(reasons.items()))


class OverBudgetError(RefusedError):
    """A request was not sent because it would exceed the watch's money limit, or its price is unknown.

    The reason is :data:`RUN_COST_KEY`, :data:`MONTH_COST_KEY` or :data:`UNPRICED_REASON`. ``amounts`` contains the
    amount spent and the limit.
    """

    def __init__(self, reason: str, amounts: Mapping[str, str]) -> None:
        super().__init__("The spending limit is reached.", reason=reason)
        self.amounts = amounts


def parse_limits(budget: Mapping[str, str]) -> dict[str, Money]:
    """Parse a watch's cost limits, by budget key; raises ``InvalidRequestError`` for invalid amounts."""
    return {name: parse_money(budget[name]) for name in (RUN_COST_KEY, MONTH_COST_KEY) if budget.get(name)}


def record_charge(row: Inquiry, price: Price | None) -> None:
    """Record a request that is about to be sent; requests within the free quota cost nothing.

    If ``price`` is None, nothing is recorded.

    Raises:
        OverBudgetError: The request exceeds a limit. Nothing is recorded.
    """
    crawl, owner = row.crawl, row.crawl.watch.owner_id
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner)  # the owner's watches share the free quota
        money_limits = parse_limits(Watch.objects.values_list("budget", flat=True).get(pk=crawl.watch_id))
        if money_limits and (
            price is None or {limit.currency for limit in money_limits.values()} != {price.each.currency}
        ):
            raise OverBudgetError(UNPRICED_REASON, {})
        if price is None:
            return
        charges = SearchCharge.objects.filter(inquiry__service=row.service, inquiry__crawl__watch__owner=owner)
        is_free = price.free and charges.filter(at__gte=get_month_start()).count() < price.free
        cost = 0 if is_free else price.each.millionths
        currency = price.each.currency
        for name, limit in money_limits.items():
            earlier_charges = list_run_charges(crawl.pk) if name == RUN_COST_KEY else list_month_charges(crawl.watch_id)
            spent_millionths = next(
                (money.millionths for money in sum_charges(earlier_charges) if money.currency == currency), 0
            )
            if cost and spent_millionths + cost > limit.millionths:
                raise OverBudgetError(name, {"spent": str(Money(spent_millionths, currency)), "limit": str(limit)})
        SearchCharge.objects.create(inquiry=row, at=now(), millionths=cost, currency=currency)


def reserve_visit(payer: Watch | Owner) -> datetime | None:
    """Count an automatic capture. If today's limit (UTC) is reached, return the time of the next one instead."""
    with transaction.atomic():
        row = type(payer)._default_manager.select_for_update(no_key=True).get(pk=payer.pk)
        visit_count, limit = get_visits_today(row)
        if visit_count >= limit:
            return _get_midnight() + timedelta(days=1)
        update_row(row, visit_count_date=_get_midnight().date(), visit_count=visit_count + 1)
    return None


def get_visits_today(payer: Watch | Owner) -> tuple[int, int]:
    """Return the number of today's (UTC) automatic captures, and its limit.

    A watch pays for visits to its own owner's matches; an owner pays for those found by other owners' watches.
    """
    visit_count = payer.visit_count if payer.visit_count_date == _get_midnight().date() else 0
    return visit_count, int(payer.budget.get(VISITS_KEY, VISITS_PER_DAY)) if isinstance(
        payer, Watch
    ) else VISITS_PER_DAY


def _get_midnight() -> datetime:
    return now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def get_month_start() -> datetime:
    """Return the start of the current calendar month (UTC)."""
    return _get_midnight().replace(day=1)


def list_run_charges(crawl_id: int) -> QuerySet[SearchCharge]:
    """Return the search charges of a run."""
    return SearchCharge.objects.filter(inquiry__crawl=crawl_id)


def list_month_charges(*watch_ids: int) -> QuerySet[SearchCharge]:
    """Return the search charges of watches in the current month."""
    return SearchCharge.objects.filter(inquiry__crawl__watch__in=watch_ids, at__gte=get_month_start())


def sum_charges(charges: QuerySet[SearchCharge]) -> list[Money]:
    """Sum charges by currency."""
    sums: Iterable[tuple[str, int]] = charges.order_by("currency").values_list("currency").annotate(Sum("millionths"))
    return [Money(millionths, currency) for currency, millionths in sums]
