"""Watches, their crawls, their canaries, and the searches that they can ask."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from ninja import Query, Router

from desk.api.common.auth import MANAGE, WRITE, Call, of
from desk.api.common.idempotency import once
from desk.api.common.pagination import Cursor, Limit, page
from desk.schemas import requests, watches as schemas
from desk.schemas.base import Piece
from exhibit.errors import WrongUseError
from exhibit.types import Price
from registry import scoped
from registry.cases import opt_outs
from registry.crawls import canaries, captures, crawling, looks, plan, schedules, watching
from registry.crawls.forecasts import Hosts
from registry.crawls.search_keys import consent, drop_key, estimate, keep_key, set_price, withdraw_consent
from registry.crawls.watches import arrange, change, plant
from registry.models import Refusal
from workers import wiring

router = Router(tags=["watches"])
WATCHES, ONE = "/owners/{slug:owner}/watches", "/owners/{slug:owner}/watches/{int:number}"
SUBJECTS = {"words", "works", "newest"}
Everything = Annotated[bool, Query(description="Ask for pages that haven't changed for long, too.")]
DOMAINS = {"domains", "since", "until"}


@router.get(WATCHES, response=Piece[schemas.Watch])
def list_watches(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Watch]:
    """The watches, each with its last crawl."""
    return page(scoped.watches(of(request)), schemas.Watch, cursor, limit)


@router.post(WATCHES, response={201: schemas.Watch}, auth=WRITE)
@once
def add_watch(request: Call, owner: str, new: requests.NewWatch) -> schemas.Watch:
    """Arrange a watch over sites, sitemaps, feeds or single pages, or one that asks a search with your key."""
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
        every=timedelta(seconds=new.every_seconds),
        budget=new.budget,
        politeness=new.politeness,
        by=request.auth.by,
        when=schedules.chosen(new.at, new.weekday, new.time_zone, timedelta(seconds=new.every_seconds)),
        own=new.own,
        **new.model_dump(include=SUBJECTS | DOMAINS),
    )
    return schemas.Watch.from_row(row)


@router.post(WATCHES + "/estimate", response=schemas.Estimates, auth=WRITE)
def estimate_watch(request: Call, owner: str, new: requests.NewWatch) -> schemas.Estimates:
    """What a watch that asks searches would cost, or what it would ask archives or hosts; nothing is arranged.

    An archive's index is asked for its first page, and no more.
    """
    asked = new.model_dump(include=SUBJECTS)
    found = estimate(wiring.services(), of(request), _searches(new), budget=new.budget, **asked)
    named = captures.subjects(new.domains, new.since, new.until)
    captured = captures.estimate(wiring.services(), new.archives, new.budget, named)
    items, archives = schemas.Estimate.from_rows(found), schemas.ArchiveEstimate.from_rows(captured)
    hosts = Hosts.at_pace(new.politeness)
    hosts.add(source.url for source in new.sources if source.kind == requests.SourceKind.LIST)
    return schemas.Estimates(items=items, archives=archives, lists=schemas.ListEstimate.from_hosts(hosts))


def _searches(new: requests.NewWatch) -> list[str]:
    return [new.search] if isinstance(new.search, str) else new.search or []


def _places(sources: Iterable[requests.NewSource]) -> list[tuple[str, str]]:
    return [(source.kind.value, source.url) for source in sources]


@router.get(ONE, response=schemas.Watch)
def get_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """One watch with its last crawl."""
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


@router.patch(ONE, response=schemas.Watch, auth=WRITE)
def change_watch(request: Call, owner: str, number: int, new: requests.WatchChange) -> schemas.Watch:
    """Change a watch; what isn't said stays as it is, and so does what it has seen."""
    row = scoped.watch_numbered(of(request), number)
    before = watching.places(row)
    every = timedelta(seconds=new.every_seconds or row.interval_seconds)
    after = before if new.sources is None else _places(new.sources)
    change(
        wiring.services(),
        row,
        name=None if new.name is None else new.name.strip(),
        every=None if new.every_seconds is None else timedelta(seconds=new.every_seconds),
        budget=new.budget,
        politeness=new.politeness,
        by=request.auth.by,
        add=[place for place in after if place not in before],
        remove=[place for place in before if place not in after],
        when=schedules.chosen(new.at, new.weekday, new.time_zone, every, schedules.kept(row)),
        own=new.own,
        **new.model_dump(include=SUBJECTS),
    )
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


@router.delete(ONE, response={204: None}, auth=WRITE)
def remove_watch(request: Call, owner: str, number: int) -> None:
    """Run it no more, for good; a crawl under way is stopped. What it has seen stays."""
    plan.remove_watch(wiring.services(), scoped.watch_numbered(of(request), number), by=request.auth.by)


@router.post(ONE + "/pause", response=schemas.Watch, auth=WRITE)
@once
def pause_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """Start no more crawls; one that is under way goes on."""
    watching.pause(scoped.watch_numbered(of(request), number), by=request.auth.by)
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


@router.post(ONE + "/resume", response=schemas.Watch, auth=WRITE)
@once
def resume_watch(request: Call, owner: str, number: int) -> schemas.Watch:
    """Start crawls again at the usual times."""
    watching.resume(scoped.watch_numbered(of(request), number), by=request.auth.by)
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


@router.post(ONE + "/run", response={202: schemas.Crawl}, auth=WRITE)
@once
def run_watch(request: Call, owner: str, number: int, everything: Everything = False) -> schemas.Crawl:  # noqa: FBT002
    """Start the next crawl now; one that is under way already is that."""
    crawl = plan.start_now(wiring.services(), scoped.watch_numbered(of(request), number), everything=everything)
    return schemas.Crawl.from_row(crawl)


@router.get(ONE + "/crawls", response=Piece[schemas.Crawl])
def list_crawls(request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Crawl]:
    """The crawls of a watch."""
    return page(scoped.watch_numbered(of(request), number).crawls.select_related("watch"), schemas.Crawl, cursor, limit)


@router.get(ONE + "/crawls/{int:crawl}", response=schemas.FullCrawl)
def get_crawl(request: Call, owner: str, number: int, crawl: int) -> schemas.FullCrawl:
    """One crawl, with how much it refused and why."""
    row = scoped.crawl(of(request), number, crawl)
    return schemas.FullCrawl.from_row(row, refused=scoped.refusal_counts(row))


@router.post(ONE + "/crawls/{int:crawl}/stop", response=schemas.Crawl, auth=WRITE)
@once
def stop_crawl(request: Call, owner: str, number: int, crawl: int) -> schemas.Crawl:
    """Let a crawl end with what it has, within some seconds; one that has ended stays as it is."""
    plan.stop(wiring.services(), scoped.crawl(of(request), number, crawl), by=request.auth.by)
    return schemas.Crawl.from_row(scoped.crawl(of(request), number, crawl))


@router.get(ONE + "/crawls/{int:crawl}/refusals", response=Piece[schemas.Refusal])
def list_refusals(
    request: Call, owner: str, number: int, crawl: int, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.Refusal]:
    """What a crawl didn't fetch or keep, and why."""
    return page(Refusal.objects.filter(crawl=scoped.crawl(of(request), number, crawl)), schemas.Refusal, cursor, limit)


@router.get(ONE + "/crawls/{int:crawl}/unreadable-images", response=Piece[schemas.UnreadableImage])
def list_unreadable_images(
    request: Call, owner: str, number: int, crawl: int, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.UnreadableImage]:
    """Files that a crawl fetched and that cannot be read as images, with the reason."""
    seen = scoped.crawl(of(request), number, crawl).sightings.exclude(picture__refusal="")
    return page(seen.select_related("picture"), schemas.UnreadableImage, cursor, limit)


@router.post("/owners/{slug:owner}/looks", response={202: schemas.Crawl}, auth=WRITE)
@once
def look_at_page(request: Call, owner: str, new: requests.NewLook) -> schemas.Crawl:
    """Visit one page once, without a watch of your own, and compare its pictures: what shows a work becomes a case."""
    crawl = looks.look(wiring.services(), of(request), new.url, image=new.image or "", by=request.auth.by)
    return schemas.Crawl.from_row(crawl)


@router.get(ONE + "/opt-outs", response=schemas.OptOuts)
def list_opt_outs(request: Call, owner: str, number: int) -> schemas.OptOuts:
    """Hosts that keep addresses from programs, how they say so, and which of your cases lie there."""
    found = opt_outs.of_watch(scoped.watch_numbered(of(request), number))
    return schemas.OptOuts(items=schemas.OptOut.from_rows(found))


@router.get("/owners/{slug:owner}/canaries", response=Piece[schemas.Canary])
def list_canaries(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Canary]:
    """The known copies that are expected now, with what the last run made of each."""
    return page(canaries.active(of(request)), schemas.Canary, cursor, limit)


@router.post(ONE + "/canaries", response={201: schemas.Canary}, auth=WRITE)
@once
def plant_canary(request: Call, owner: str, number: int, new: requests.NewCanary) -> schemas.Canary:
    """Say that a page of yours shows a known copy, which the watch has to find from its next crawl on."""
    watch, work = scoped.watch_numbered(of(request), number), scoped.work(of(request), new.work)
    row = plant(wiring.services(), work, watch, new.url, by=request.auth.by)
    return schemas.Canary.from_row(row)


CANARY = "/owners/{slug:owner}/canaries/{int:number}"


@router.delete(CANARY, response={204: None}, auth=WRITE)
def withdraw_canary(request: Call, owner: str, number: int) -> None:
    """Expect a canary no longer."""
    canaries.withdraw(scoped.canary(of(request), number), by=request.auth.by)


SEARCHES = "/owners/{slug:owner}/searches"
KEY, CONSENT = SEARCHES + "/{slug:service}/key", SEARCHES + "/{slug:service}/consent"
PRICE = SEARCHES + "/{slug:service}/price"


@router.get(SEARCHES, response=schemas.Searches)
def list_searches(request: Call, owner: str) -> schemas.Searches:
    """The searches that a watch can ask, all at once, and for which of them there is a key; never the key itself."""
    return schemas.Searches(items=schemas.Search.of(wiring.services(), of(request)))


@router.put(KEY, response=schemas.Search, auth=MANAGE)
def keep_search_key(request: Call, owner: str, service: str, new: requests.NewSearchKey) -> schemas.Search:
    """Keep a key for a search, encrypted, in place of an earlier one. It is never shown again."""
    keep_key(wiring.services(), of(request), service, new.key, by=request.auth.by)
    return _search(request, service)


@router.delete(KEY, response={204: None}, auth=MANAGE)
def forget_search_key(request: Call, owner: str, service: str) -> None:
    """Forget the key for a search; a watch that asks it says so from its next run on."""
    drop_key(of(request), service, by=request.auth.by)


@router.put(CONSENT, response=schemas.Search, auth=MANAGE)
def allow_search(request: Call, owner: str, service: str) -> schemas.Search:
    """Allow a search to be sent small copies of the works, until that is taken back; who did is in the log."""
    consent(wiring.services(), of(request), service, by=request.auth.by)
    return _search(request, service)


@router.delete(CONSENT, response={204: None}, auth=MANAGE)
def disallow_search(request: Call, owner: str, service: str) -> None:
    """Take that back: the search is sent nothing from now on."""
    withdraw_consent(of(request), service, by=request.auth.by)


@router.put(PRICE, response=schemas.Search, auth=MANAGE)
def set_search_price(request: Call, owner: str, service: str, new: requests.NewSearchPrice) -> schemas.Search:
    """Say what a search costs you, for it is counted by that from the next request on."""
    set_price(wiring.services(), of(request), service, Price(**new.model_dump()), by=request.auth.by)
    return _search(request, service)


@router.delete(PRICE, response={204: None}, auth=MANAGE)
def forget_search_price(request: Call, owner: str, service: str) -> None:
    """Count by the public price again."""
    set_price(wiring.services(), of(request), service, None, by=request.auth.by)


def _search(request: Call, service: str) -> schemas.Search:
    (found,) = schemas.Search.of(wiring.services(), of(request), service)
    return found
