"""Watches, crawls, known copies and image searches."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from ninja import Query, Router

from desk.api.common.auth import MANAGE, WRITE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import requests, watches as schemas
from desk.schemas.base import Page
from exhibit.errors import WrongUseError
from exhibit.types import Price
from registry import scoped
from registry.cases import opt_outs
from registry.crawls import archive_captures, canaries, crawling, manual_visits, planning, schedules, watch_settings
from registry.crawls.forecasts import Hosts
from registry.crawls.search_keys import delete_key, estimate, record_consent, set_price, store_key, withdraw_consent
from registry.crawls.watches import arrange, plant, update_watch
from registry.models import Refusal
from workers import wiring

router = Router(tags=["watches"])
WATCHES, ONE = "/owners/{slug:owner}/watches", "/owners/{slug:owner}/watches/{int:number}"
Everything = Annotated[bool, Query(description="Also request pages that have not changed for long.")]
DOMAINS = {"domains", "since", "until"}


@router.get(WATCHES, response=Page[schemas.Watch])
def list_watches(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Watch]:
    """List watches with their latest crawl."""
    return page(scoped.watches(of(request)), schemas.Watch, cursor, limit)


@router.post(WATCHES, response={201: schemas.Watch}, auth=WRITE)
@once
def add_watch(request: Call, owner: str, new: requests.NewWatch) -> schemas.Watch:
    """Add a watch of sites, sitemaps, feeds, pages, web archives, or searches with your own keys."""
    if sum(map(bool, (new.search, new.sources, new.archives))) != 1:
        raise WrongUseError("A watch has either sources, a search or an archive.", hint="Name one of the three.")
    row = arrange(
        wiring.services(),
        of(request),
        new.name.strip(),
        [
            *_places(new.sources),
            *((crawling.SEARCH, name) for name in _searches(new)),
            *((crawling.ARCHIVE, name) for name in new.archives),
        ],
        every=timedelta(seconds=new.interval_seconds),
        budget=new.budget,
        politeness=new.politeness,
        by=request.auth.by,
        when=schedules.parse_time_of_day(new.at, new.weekday, new.time_zone, timedelta(seconds=new.interval_seconds)),
        own=new.own_site,
        **new.subjects,
        **new.model_dump(include=DOMAINS),
    )
    return schemas.Watch.from_row(row)


@router.post(WATCHES + "/estimate", response=schemas.Estimates, auth=WRITE)
def estimate_watch(request: Call, owner: str, new: requests.NewWatch) -> schemas.Estimates:
    """Estimate the requests and costs of a watch without adding it.

    For a web archive, only the first page of its index is requested.
    """
    estimates = estimate(wiring.services(), of(request), _searches(new), budget=new.budget, **new.subjects)
    archive_subjects = archive_captures.make_subjects(new.domains, new.since, new.until)
    captured = archive_captures.estimate(wiring.services(), new.archives, new.budget, archive_subjects)
    items, archives = schemas.Estimate.from_rows(estimates), schemas.ArchiveEstimate.from_rows(captured)
    hosts = Hosts.at_pace(new.politeness)
    hosts.add(source.url for source in new.sources if source.kind == requests.SourceKind.LIST)
    return schemas.Estimates(items=items, archives=archives, lists=schemas.ListEstimate.from_hosts(hosts))


def _searches(new: requests.NewWatch) -> list[str]:
    return [new.search] if isinstance(new.search, str) else new.search or []


def _places(sources: Iterable[requests.NewSource]) -> list[tuple[str, str]]:
    return [(source.kind.value, source.url) for source in sources]


@router.get(ONE, response=schemas.Watch)
def get_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """Get a watch with its latest crawl."""
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


@router.patch(ONE, response=schemas.Watch, auth=WRITE)
def change_watch(request: Call, owner: str, number: int, new: requests.WatchChange) -> schemas.Watch:
    """Update a watch. Omitted fields and earlier results are unchanged."""
    row = scoped.watch_numbered(of(request), number)
    before = watch_settings.list_sources(row)
    every = timedelta(seconds=new.interval_seconds or row.interval_seconds)
    after = before if new.sources is None else _places(new.sources)
    update_watch(
        wiring.services(),
        row,
        name=None if new.name is None else new.name.strip(),
        every=None if new.interval_seconds is None else timedelta(seconds=new.interval_seconds),
        budget=new.budget,
        politeness=new.politeness,
        by=request.auth.by,
        add=[place for place in after if place not in before],
        remove=[place for place in before if place not in after],
        when=schedules.parse_time_of_day(new.at, new.weekday, new.time_zone, every, schedules.load_time_of_day(row)),
        own=new.own_site,
        **new.subjects,
    )
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


@router.delete(ONE, response={204: None}, auth=WRITE)
def remove_watch(request: Call, owner: str, number: int) -> None:
    """Delete a watch, and stop its crawl. Earlier results remain."""
    planning.remove_watch(wiring.services(), scoped.watch_numbered(of(request), number), by=request.auth.by)


@router.post(ONE + "/pause", response=schemas.Watch, auth=WRITE)
@once
def pause_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """Pause a watch. A crawl in progress continues."""
    watch_settings.pause(scoped.watch_numbered(of(request), number), by=request.auth.by)
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


@router.post(ONE + "/resume", response=schemas.Watch, auth=WRITE)
@once
def resume_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """Resume a watch on its schedule."""
    watch_settings.resume(scoped.watch_numbered(of(request), number), by=request.auth.by)
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


@router.post(ONE + "/run", response={202: schemas.Crawl}, auth=WRITE)
@once
def run_watch(request: Call, owner: str, number: int, all_pages: Everything = False) -> schemas.Crawl:  # noqa: FBT002
    """Start a crawl now. If one is in progress, it is returned instead."""
    crawl = planning.start_now(wiring.services(), scoped.watch_numbered(of(request), number), everything=all_pages)
    return schemas.Crawl.from_row(crawl)


@router.get(ONE + "/crawls", response=Page[schemas.Crawl])
def list_crawls(request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.Crawl]:
    """List the crawls of a watch."""
    return page(scoped.watch_numbered(of(request), number).crawls.select_related("watch"), schemas.Crawl, cursor, limit)


@router.get(ONE + "/crawls/{int:crawl}", response=schemas.CrawlDetails)
def get_crawl(request: Call, owner: str, number: int, crawl: int) -> schemas.CrawlDetails:
    """Get a crawl with its refusals by reason."""
    row = scoped.crawl(of(request), number, crawl)
    return schemas.CrawlDetails.from_row(row, refused=scoped.count_refusals(row))


@router.post(ONE + "/crawls/{int:crawl}/stop", response=schemas.Crawl, auth=WRITE)
@once
def stop_crawl(request: Call, owner: str, number: int, crawl: int) -> schemas.Crawl:
    """Stop a crawl within some seconds. Its results so far are kept. A finished crawl is unchanged."""
    planning.stop_crawl(wiring.services(), scoped.crawl(of(request), number, crawl), by=request.auth.by)
    return schemas.Crawl.from_row(scoped.crawl(of(request), number, crawl))


@router.get(ONE + "/crawls/{int:crawl}/refusals", response=Page[schemas.Refusal])
def list_refusals(
    request: Call, owner: str, number: int, crawl: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.Refusal]:
    """List URLs that a crawl did not fetch or store, with the reason."""
    return page(Refusal.objects.filter(crawl=scoped.crawl(of(request), number, crawl)), schemas.Refusal, cursor, limit)


@router.get(ONE + "/crawls/{int:crawl}/unreadable-pictures", response=Page[schemas.UnreadablePicture])
def list_unreadable_pictures(
    request: Call, owner: str, number: int, crawl: int, cursor: Cursor = "", limit: Limit = 50
) -> Page[schemas.UnreadablePicture]:
    """List files that a crawl fetched but that cannot be read as pictures, with the reason."""
    seen = scoped.crawl(of(request), number, crawl).sightings.exclude(picture__refusal="")
    return page(seen.select_related("picture"), schemas.UnreadablePicture, cursor, limit)


@router.post("/owners/{slug:owner}/looks", response={202: schemas.Crawl}, auth=WRITE)
@once
def visit_page(request: Call, owner: str, new: requests.PageVisit) -> schemas.Crawl:
    """Visit one page once, and match its pictures against your works. Matches open cases."""
    crawl = manual_visits.visit_page(
        wiring.services(), of(request), new.url, image=new.image_url or "", by=request.auth.by
    )
    return schemas.Crawl.from_row(crawl)


@router.get(ONE + "/opt-outs", response=schemas.OptOuts)
def list_opt_outs(request: Call, owner: str, number: int) -> schemas.OptOuts:
    """List hosts that opted out of automated access, how they did so, and your cases on them."""
    opt_out_rows = opt_outs.find_opt_outs(scoped.watch_numbered(of(request), number))
    return schemas.OptOuts(items=schemas.OptOut.from_rows(opt_out_rows))


@router.get("/owners/{slug:owner}/known-copies", response=Page[schemas.KnownCopy])
def list_known_copies(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Page[schemas.KnownCopy]:
    """List known copies with the result of the latest crawl."""
    return page(canaries.list_active(of(request)), schemas.KnownCopy, cursor, limit)


@router.post(ONE + "/known-copies", response={201: schemas.KnownCopy}, auth=WRITE)
@once
def add_known_copy(request: Call, owner: str, number: int, new: requests.NewKnownCopy) -> schemas.KnownCopy:
    """Add a known copy on one of your own pages. The watch must find it from its next crawl on."""
    watch, work = scoped.watch_numbered(of(request), number), scoped.work(of(request), new.work)
    row = plant(wiring.services(), work, watch, new.url, by=request.auth.by)
    return schemas.KnownCopy.from_row(row)


CANARY = "/owners/{slug:owner}/known-copies/{int:number}"


@router.delete(CANARY, response={204: None}, auth=WRITE)
def remove_known_copy(request: Call, owner: str, number: int) -> None:
    """Remove a known copy."""
    canaries.withdraw_known_copy(scoped.known_copy(of(request), number), by=request.auth.by)


SEARCHES = "/owners/{slug:owner}/searches"
KEY, CONSENT = SEARCHES + "/{slug:service}/key", SEARCHES + "/{slug:service}/consent"
PRICE = SEARCHES + "/{slug:service}/price"


@router.get(SEARCHES, response=schemas.Searches)
def list_searches(request: Call, owner: str) -> schemas.Searches:
    """List the available image searches and marketplaces, and whether they have a key. Keys are never returned."""
    return schemas.Searches(items=schemas.Search.of(wiring.services(), of(request)))


@router.put(KEY, response=schemas.Search, auth=MANAGE)
def set_search_key(request: Call, owner: str, service: str, new: requests.NewSearchKey) -> schemas.Search:
    """Store the key for a search, encrypted. It replaces an earlier key and is never shown again."""
    store_key(wiring.services(), of(request), service, new.key, by=request.auth.by)
    return _search(request, service)


@router.delete(KEY, response={204: None}, auth=MANAGE)
def delete_search_key(request: Call, owner: str, service: str) -> None:
    """Delete the key for a search. Watches that use it report the missing key from their next crawl on."""
    delete_key(of(request), service, by=request.auth.by)


@router.put(CONSENT, response=schemas.Search, auth=MANAGE)
def give_search_consent(request: Call, owner: str, service: str) -> schemas.Search:
    """Allow a search to receive small copies of your works. The consent is logged and can be withdrawn."""
    record_consent(wiring.services(), of(request), service, by=request.auth.by)
    return _search(request, service)


@router.delete(CONSENT, response={204: None}, auth=MANAGE)
def withdraw_search_consent(request: Call, owner: str, service: str) -> None:
    """Withdraw the consent for a search. It receives no more copies of your works."""
    withdraw_consent(of(request), service, by=request.auth.by)


@router.put(PRICE, response=schemas.Search, auth=MANAGE)
def set_search_price(request: Call, owner: str, service: str, new: requests.NewSearchPrice) -> schemas.Search:
    """Set your own price for a search, used for costs and budgets from the next request on."""
    set_price(
        wiring.services(),
        of(request),
        service,
        Price(amount=new.amount, requests=new.requests, free=new.free_requests),
        by=request.auth.by,
    )
    return _search(request, service)


@router.delete(PRICE, response={204: None}, auth=MANAGE)
def reset_search_price(request: Call, owner: str, service: str) -> None:
    """Reset a search to its public price."""
    set_price(wiring.services(), of(request), service, None, by=request.auth.by)


def _search(request: Call, service: str) -> schemas.Search:
    (service_row,) = schemas.Search.of(wiring.services(), of(request), service)
    return service_row
