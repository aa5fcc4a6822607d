"""Watches, crawls, known copies and image searches."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from ninja import Query, Router

from desk.api.common.auth import MANAGE, WRITE, Call, get_request_owner
from desk.api.common.idempotency import make_idempotent
from desk.api.common.pagination import Cursor, Limit, get_page
from desk.schemas import requests, watches as schemas
from desk.schemas.base import Page
from exhibit.errors import InvalidRequestError
from exhibit.types import Price
from registry import scoped
from registry.cases import opt_outs
from registry.crawls import archive_captures, copy_checks, crawling, manual_visits, planning, schedules, watch_settings
from registry.crawls.forecasts import HostForecast
from registry.crawls.search_keys import (
    delete_key,
    estimate_costs,
    record_consent,
    set_price,
    store_key,
    withdraw_consent,
)
from registry.crawls.watches import place_known_copy, set_up_watch, update_watch
from registry.models import Refusal
from workers import wiring

router = Router(tags=["watches"])
WATCHES, WATCH_PATH = "/owners/{slug:owner}/watches", "/owners/{slug:owner}/watches/{int:number}"
AllPagesOption = Annotated[
    bool, Query(description="Whether to also request pages that have not changed for a long time.")
]
ARCHIVE_FIELDS = {"domains", "since", "until"}


@router.get(WATCHES, response=Page[schemas.Watch])
def list_watches(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Watch]:
    """List watches with their latest crawl."""
    return get_page(scoped.list_watches(get_request_owner(request)), schemas.Watch, cursor, limit)


@router.post(WATCHES, response={201: schemas.Watch}, auth=WRITE)
@make_idempotent
def add_watch(request: Call, owner: str, new: requests.NewWatch) -> schemas.Watch:
    """Add a watch for sites, sitemaps, feeds, lists of pages or web archives, or for searches with your own keys."""
    if sum(map(bool, (new.search, new.sources, new.archives))) != 1:
        raise InvalidRequestError("Enter exactly one of `sources`, `search` and `archives`.", hint="Omit the others.")
    row = set_up_watch(
        wiring.services(),
        get_request_owner(request),
        new.name.strip(),
        [
            *_to_source_pairs(new.sources),
            *((crawling.SEARCH, name) for name in _list_searches(new)),
            *((crawling.ARCHIVE, name) for name in new.archives),
        ],
        every=timedelta(seconds=new.interval_seconds),
        budget=new.budget,
        politeness=new.politeness,
        by=request.auth.by,
        when=schedules.parse_time_of_day(new.at, new.weekday, new.time_zone, timedelta(seconds=new.interval_seconds)),
        own=new.own_site,
        **new.subjects,
        **new.model_dump(include=ARCHIVE_FIELDS),
    )
    return schemas.Watch.from_row(row)


@router.post(WATCHES + "/estimate", response=schemas.Estimates, auth=WRITE)
def estimate_watch(request: Call, owner: str, new: requests.NewWatch) -> schemas.Estimates:
    """Estimate the requests and costs of a watch without adding it.

    For a web archive, only the first page of its index is requested.
    """
    estimates = estimate_costs(
        wiring.services(), get_request_owner(request), _list_searches(new), budget=new.budget, **new.subjects
    )
    archive_subjects = archive_captures.build_archive_query(new.domains, new.since, new.until)
    captures = archive_captures.estimate_runs(wiring.services(), new.archives, new.budget, archive_subjects)
    items, archives = schemas.Estimate.from_rows(estimates), schemas.ArchiveEstimate.from_rows(captures)
    hosts = HostForecast.from_politeness(new.politeness)
    hosts.add(source.url for source in new.sources if source.kind == requests.SourceKind.LIST)
    return schemas.Estimates(items=items, archives=archives, lists=schemas.ListEstimate.from_hosts(hosts))


def _list_searches(new: requests.NewWatch) -> list[str]:
    return [new.search] if isinstance(new.search, str) else new.search or []


def _to_source_pairs(sources: Iterable[requests.NewSource]) -> list[tuple[str, str]]:
    return [(source.kind.value, source.url) for source in sources]


@router.get(WATCH_PATH, response=schemas.Watch)
def get_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """Get a watch with its latest crawl."""
    return schemas.Watch.from_row(scoped.find_watch_by_number(get_request_owner(request), number))


@router.patch(WATCH_PATH, response=schemas.Watch, auth=WRITE)
def change_watch(request: Call, owner: str, number: int, new: requests.WatchChange) -> schemas.Watch:
    """Update a watch. Omitted fields and earlier results are not changed."""
    row = scoped.find_watch_by_number(get_request_owner(request), number)
    previous_sources = watch_settings.list_sources(row)
    interval = timedelta(seconds=new.interval_seconds or row.interval_seconds)
    new_sources = previous_sources if new.sources is None else _to_source_pairs(new.sources)
    update_watch(
        wiring.services(),
        row,
        name=None if new.name is None else new.name.strip(),
        every=None if new.interval_seconds is None else timedelta(seconds=new.interval_seconds),
        budget=new.budget,
        politeness=new.politeness,
        by=request.auth.by,
        add=[source for source in new_sources if source not in previous_sources],
        remove=[source for source in previous_sources if source not in new_sources],
        when=schedules.parse_time_of_day(new.at, new.weekday, new.time_zone, interval, schedules.load_time_of_day(row)),
        own=new.own_site,
        **new.subjects,
    )
    return schemas.Watch.from_row(scoped.find_watch_by_number(get_request_owner(request), number))


@router.delete(WATCH_PATH, response={204: None}, auth=WRITE)
def remove_watch(request: Call, owner: str, number: int) -> None:
    """Delete a watch, and stop its crawl. Earlier results remain."""
    planning.remove_watch(
        wiring.services(), scoped.find_watch_by_number(get_request_owner(request), number), by=request.auth.by
    )


@router.post(WATCH_PATH + "/pause", response=schemas.Watch, auth=WRITE)
@make_idempotent
def pause_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """Pause a watch. A crawl in progress continues."""
    watch_settings.pause_watch(scoped.find_watch_by_number(get_request_owner(request), number), by=request.auth.by)
    return schemas.Watch.from_row(scoped.find_watch_by_number(get_request_owner(request), number))


@router.post(WATCH_PATH + "/resume", response=schemas.Watch, auth=WRITE)
@make_idempotent
def resume_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """Resume the schedule of a paused watch."""
    watch_settings.resume_watch(scoped.find_watch_by_number(get_request_owner(request), number), by=request.auth.by)
    return schemas.Watch.from_row(scoped.find_watch_by_number(get_request_owner(request), number))


@router.post(WATCH_PATH + "/run", response={202: schemas.Crawl}, auth=WRITE)
@make_idempotent
def run_watch(request: Call, owner: str, number: int, all_pages: AllPagesOption = False) -> schemas.Crawl:  # noqa: FBT002
    """Start a crawl now. If one is in progress, it is returned instead."""
    crawl = planning.start_crawl_now(
        wiring.services(), scoped.find_watch_by_number(get_request_owner(request), number), everything=all_pages
    )
    return schemas.Crawl.from_row(crawl)


@router.get(WATCH_PATH + "/crawls", response=Page[schemas.Crawl])
def list_crawls(request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Crawl]:
    """List the crawls of a watch."""
    return get_page(
        scoped.find_watch_by_number(get_request_owner(request), number).crawls.select_related("watch"),
        schemas.Crawl,
        cursor,
        limit,
    )


@router.get(WATCH_PATH + "/crawls/{int:crawl}", response=schemas.CrawlDetails)
def get_crawl(request: Call, owner: str, number: int, crawl: int) -> schemas.CrawlDetails:
    """Get a crawl with the number of skipped URLs by reason."""
    row = scoped.get_crawl(get_request_owner(request), number, crawl)
    return schemas.CrawlDetails.from_row(row, refused=scoped.count_refusals(row))


@router.post(WATCH_PATH + "/crawls/{int:crawl}/stop", response=schemas.Crawl, auth=WRITE)
@make_idempotent
def stop_crawl(request: Call, owner: str, number: int, crawl: int) -> schemas.Crawl:
    """Stop a crawl within a few seconds. Its results so far are kept. A finished crawl is unchanged."""
    planning.stop_crawl(
        wiring.services(), scoped.get_crawl(get_request_owner(request), number, crawl), by=request.auth.by
    )
    return schemas.Crawl.from_row(scoped.get_crawl(get_request_owner(request), number, crawl))


@router.get(WATCH_PATH + "/crawls/{int:crawl}/refusals", response=Page[schemas.Refusal])
def list_refusals(
    request: Call, owner: str, number: int, crawl: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.Refusal]:
    """List URLs that a crawl skipped (not fetched, or not stored), with the reasons."""
    return get_page(
        Refusal.objects.filter(crawl=scoped.get_crawl(get_request_owner(request), number, crawl)),
        schemas.Refusal,
        cursor,
        limit,
    )


@router.get(WATCH_PATH + "/crawls/{int:crawl}/unreadable-pictures", response=Page[schemas.UnreadablePicture])
def list_unreadable_pictures(
    request: Call, owner: str, number: int, crawl: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.UnreadablePicture]:
    """List files that a crawl fetched but could not read as pictures, with the reasons."""
    unreadable_sightings = scoped.get_crawl(get_request_owner(request), number, crawl).sightings.exclude(
        picture__refusal=""
    )
    return get_page(unreadable_sightings.select_related("picture"), schemas.UnreadablePicture, cursor, limit)


@router.post("/owners/{slug:owner}/looks", response={202: schemas.Crawl}, auth=WRITE)
@make_idempotent
def visit_page(request: Call, owner: str, new: requests.PageVisit) -> schemas.Crawl:
    """Visit a single page once, and compare its pictures with your works. Exhibit opens cases for matches."""
    crawl = manual_visits.visit_page(
        wiring.services(), get_request_owner(request), new.url, picture_url=new.image_url or "", by=request.auth.by
    )
    return schemas.Crawl.from_row(crawl)


@router.get(WATCH_PATH + "/opt-outs", response=schemas.OptOuts)
def list_opt_outs(request: Call, owner: str, number: int) -> schemas.OptOuts:
    """List hosts that opted out of automated access, with the method of the opt-out and your cases on each host."""
    opt_out_rows = opt_outs.find_opt_outs(scoped.find_watch_by_number(get_request_owner(request), number))
    return schemas.OptOuts(items=schemas.OptOut.from_rows(opt_out_rows))


@router.get("/owners/{slug:owner}/known-copies", response=Page[schemas.KnownCopy])
def list_known_copies(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.KnownCopy]:
    """List known copies with their results in the latest crawl."""
    return get_page(copy_checks.list_active_known_copies(get_request_owner(request)), schemas.KnownCopy, cursor, limit)


@router.post(WATCH_PATH + "/known-copies", response={201: schemas.KnownCopy}, auth=WRITE)
@make_idempotent
def add_known_copy(request: Call, owner: str, number: int, new: requests.NewKnownCopy) -> schemas.KnownCopy:
    """Add a known copy: a copy on one of your own pages, which the watch must find in each crawl."""
    watch, work = (
        scoped.find_watch_by_number(get_request_owner(request), number),
        scoped.get_work(get_request_owner(request), new.work),
    )
    row = place_known_copy(wiring.services(), work, watch, new.url, by=request.auth.by)
    return schemas.KnownCopy.from_row(row)


KNOWN_COPY_PATH = "/owners/{slug:owner}/known-copies/{int:number}"


@router.delete(KNOWN_COPY_PATH, response={204: None}, auth=WRITE)
def remove_known_copy(request: Call, owner: str, number: int) -> None:
    """Remove a known copy."""
    copy_checks.withdraw_known_copy(scoped.get_known_copy(get_request_owner(request), number), by=request.auth.by)


SEARCHES = "/owners/{slug:owner}/searches"
KEY_PATH, CONSENT_PATH = SEARCHES + "/{slug:service}/key", SEARCHES + "/{slug:service}/consent"
PRICE_PATH = SEARCHES + "/{slug:service}/price"


@router.get(SEARCHES, response=schemas.Searches)
def list_searches(request: Call, owner: str) -> schemas.Searches:
    """List the available image searches and marketplaces, and whether a key is stored. Keys are never returned."""
    return schemas.Searches(items=schemas.Search.from_services(wiring.services(), get_request_owner(request)))


@router.put(KEY_PATH, response=schemas.Search, auth=MANAGE)
def set_search_key(request: Call, owner: str, service: str, new: requests.NewSearchKey) -> schemas.Search:
    """Store the key for a search in encrypted form. It replaces an earlier key, and is never returned."""
    store_key(wiring.services(), get_request_owner(request), service, new.key, by=request.auth.by)
    return _get_search(request, service)


@router.delete(KEY_PATH, response={204: None}, auth=MANAGE)
def delete_search_key(request: Call, owner: str, service: str) -> None:
    """Delete the key for a search. Watches that use the search report the missing key in their next crawl."""
    delete_key(get_request_owner(request), service, by=request.auth.by)


@router.put(CONSENT_PATH, response=schemas.Search, auth=MANAGE)
def give_search_consent(request: Call, owner: str, service: str) -> schemas.Search:
    """Consent to sending small copies of your works to a search service. The consent is logged and can be withdrawn."""
    record_consent(wiring.services(), get_request_owner(request), service, by=request.auth.by)
    return _get_search(request, service)


@router.delete(CONSENT_PATH, response={204: None}, auth=MANAGE)
def withdraw_search_consent(request: Call, owner: str, service: str) -> None:
    """Withdraw the consent for a search service. No more copies of your works are sent to the service."""
    withdraw_consent(get_request_owner(request), service, by=request.auth.by)


@router.put(PRICE_PATH, response=schemas.Search, auth=MANAGE)
def set_search_price(request: Call, owner: str, service: str, new: requests.NewSearchPrice) -> schemas.Search:
    """Set your own price for a search. The price applies to the costs and budgets of all later requests."""
    set_price(
        wiring.services(),
        get_request_owner(request),
        service,
        Price(amount=new.amount, requests=new.requests, free=new.free_requests),
        by=request.auth.by,
    )
    return _get_search(request, service)


@router.delete(PRICE_PATH, response={204: None}, auth=MANAGE)
def reset_search_price(request: Call, owner: str, service: str) -> None:
    """Reset a search to its public price."""
    set_price(wiring.services(), get_request_owner(request), service, None, by=request.auth.by)


def _get_search(request: Call, service: str) -> schemas.Search:
    (service_row,) = schemas.Search.from_services(wiring.services(), get_request_owner(request), service)
    return service_row
