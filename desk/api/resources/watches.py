"""Watches, their crawls, their canaries, and the searches that they can ask."""

from collections.abc import Iterable
from datetime import timedelta

from desk.api.common.auth import MANAGE, WRITE, Call, of
from desk.api.common.resource import Cursor, Limit, Resource, page
from desk.schemas import requests, watches as schemas
from desk.schemas.base import Piece
from exhibit.errors import WrongUseError
from exhibit.types import Price
from registry.accounts import scoped
from registry.crawls import canaries, crawling, schedules, watching
from registry.models import Refusal
from workers.crawls.search_keys import consent, drop_key, estimate, keep_key, set_price, withdraw_consent
from workers.crawls.watches import arrange, change, plant
from workers.services import wiring
from workers.steps.crawls import plan

router = Resource("watches")
WATCHES, ONE = "/owners/{slug:owner}/watches", "/owners/{slug:owner}/watches/{int:number}"
SUBJECTS = {"words", "works", "newest"}


router.lists(WATCHES, "list_watches", schemas.Watch, scoped.watches, "The watches, each with its last crawl.")


@router.post(WATCHES, WRITE, 201)
def add_watch(request: Call, new: requests.NewWatch) -> schemas.Watch:
    """Arrange a watch over sites, sitemaps, feeds or single pages, or one that asks a search with your key."""
    if (not new.search) == (not new.sources):
        raise WrongUseError("A watch has either sources or a search.", hint="Name one of the two.")
    row = arrange(
        wiring.services(),
        of(request),
        new.name.strip(),
        [*_places(new.sources), *((crawling.SEARCH, name) for name in _searches(new))],
        every=timedelta(seconds=new.every_seconds),
        budget=new.budget,
        politeness=new.politeness,
        by=request.auth.by,
        when=schedules.chosen(new.at, new.weekday, new.time_zone),
        **new.model_dump(include=SUBJECTS),
    )
    return schemas.Watch.from_row(row)


@router.post(WATCHES + "/estimate", WRITE)
def estimate_watch(request: Call, new: requests.NewWatch) -> schemas.Estimates:
    """What a watch that asks searches would cost: as for arranging it, but nothing is arranged."""
    asked = new.model_dump(include=SUBJECTS)
    found = estimate(wiring.services(), of(request), _searches(new), budget=new.budget, **asked)
    return schemas.Estimates(items=schemas.Estimate.from_rows(found))


def _searches(new: requests.NewWatch) -> list[str]:
    return [new.search] if isinstance(new.search, str) else new.search or []


def _places(sources: Iterable[requests.NewSource]) -> list[tuple[str, str]]:
    return [(source.kind.value, source.url) for source in sources]


router.shows(ONE, "get_watch", schemas.Watch, scoped.watch_numbered, "One watch with its last crawl.")


@router.patch(ONE, WRITE)
def change_watch(request: Call, number: int, new: requests.WatchChange) -> schemas.Watch:
    """Change a watch; what isn't said stays as it is, and so does what it has seen."""
    row = scoped.watch_numbered(of(request), number)
    before = watching.places(row)
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
        when=schedules.chosen(new.at, new.weekday, new.time_zone, schedules.kept(row)),
        **new.model_dump(include=SUBJECTS),
    )
    return schemas.Watch.from_row(scoped.watch_numbered(of(request), number))


ENDED = "Run it no more, for good; a crawl under way is stopped. What it has seen stays."
router.removes(ONE, "remove_watch", plan.remove_watch, ENDED, scoped.watch_numbered)

PAUSED, RESUMED = "Start no more crawls; one that is under way goes on.", "Start crawls again at the usual times."
router.changes(ONE + "/pause", "pause_watch", schemas.Watch, scoped.watch_numbered, watching.pause, PAUSED)
router.changes(ONE + "/resume", "resume_watch", schemas.Watch, scoped.watch_numbered, watching.resume, RESUMED)


@router.post(ONE + "/run", WRITE, 202)
def run_watch(request: Call, number: int) -> schemas.Crawl:
    """Start the next crawl now; one that is under way already is that."""
    crawl = plan.start_now(wiring.services(), scoped.watch_numbered(of(request), number))
    return schemas.Crawl.from_row(crawl)


@router.get(ONE + "/crawls")
def list_crawls(request: Call, number: int, cursor: Cursor = "", limit: Limit = 50) -> Piece[schemas.Crawl]:
    """The crawls of a watch."""
    return page(scoped.watch_numbered(of(request), number).crawls.select_related("watch"), schemas.Crawl, cursor, limit)


@router.get(ONE + "/crawls/{int:crawl}")
def get_crawl(request: Call, number: int, crawl: int) -> schemas.FullCrawl:
    """One crawl, with how much it refused and why."""
    row = scoped.crawl(of(request), number, crawl)
    return schemas.FullCrawl.from_row(row, refused=scoped.refusal_counts(row))


STOPPED = "Let a crawl end with what it has, within some seconds; one that has ended stays as it is."
router.changes(ONE + "/crawls/{int:crawl}/stop", "stop_crawl", schemas.Crawl, scoped.crawl, plan.stop, STOPPED)


@router.get(ONE + "/crawls/{int:crawl}/refusals")
def list_refusals(
    request: Call, number: int, crawl: int, cursor: Cursor = "", limit: Limit = 50
) -> Piece[schemas.Refusal]:
    """What a crawl didn't fetch or keep, and why."""
    return page(Refusal.objects.filter(crawl=scoped.crawl(of(request), number, crawl)), schemas.Refusal, cursor, limit)


EXPECTED = "The known copies that are expected now, with what the last run made of each."
router.lists("/owners/{slug:owner}/canaries", "list_canaries", schemas.Canary, canaries.active, EXPECTED)


@router.post(ONE + "/canaries", WRITE, 201)
def plant_canary(request: Call, number: int, new: requests.NewCanary) -> schemas.Canary:
    """Say that a page of yours shows a known copy, which the watch has to find from its next crawl on."""
    watch, work = scoped.watch_numbered(of(request), number), scoped.work(of(request), new.work)
    row = plant(wiring.services(), work, watch, new.url, by=request.auth.by)
    return schemas.Canary.from_row(row)


CANARY = "/owners/{slug:owner}/canaries/{int:number}"
router.removes(CANARY, "withdraw_canary", canaries.withdraw, "Expect a canary no longer.", scoped.canary)


SEARCHES = "/owners/{slug:owner}/searches"
KEY, CONSENT = SEARCHES + "/{slug:service}/key", SEARCHES + "/{slug:service}/consent"
PRICE = SEARCHES + "/{slug:service}/price"


@router.get(SEARCHES)
def list_searches(request: Call) -> schemas.Searches:
    """The searches that a watch can ask, all at once, and for which of them there is a key; never the key itself."""
    return schemas.Searches(items=schemas.Search.of(wiring.services(), of(request)))


@router.put(KEY, MANAGE)
def keep_search_key(request: Call, service: str, new: requests.NewSearchKey) -> schemas.Search:
    """Keep a key for a search, encrypted, in place of an earlier one. It is never shown again."""
    keep_key(wiring.services(), of(request), service, new.key, by=request.auth.by)
    return _search(request, service)


FORGOTTEN = "Forget the key for a search; a watch that asks it says so from its next run on."
router.removes(KEY, "forget_search_key", drop_key, FORGOTTEN, auth=MANAGE)


@router.put(CONSENT, MANAGE)
def allow_search(request: Call, service: str) -> schemas.Search:
    """Allow a search to be sent small copies of the works, until that is taken back; who did is in the log."""
    consent(wiring.services(), of(request), service, by=request.auth.by)
    return _search(request, service)


WITHDRAWN = "Take that back: the search is sent nothing from now on."
router.removes(CONSENT, "disallow_search", withdraw_consent, WITHDRAWN, auth=MANAGE)


@router.put(PRICE, MANAGE)
def set_search_price(request: Call, service: str, new: requests.NewSearchPrice) -> schemas.Search:
    """Say what a search costs you, for it is counted by that from the next request on."""
    set_price(wiring.services(), of(request), service, Price(**new.model_dump()), by=request.auth.by)
    return _search(request, service)


@router.delete(PRICE, MANAGE)
def forget_search_price(request: Call, service: str) -> None:
    """Count by the public price again."""
    set_price(wiring.services(), of(request), service, None, by=request.auth.by)


def _search(request: Call, service: str) -> schemas.Search:
    (found,) = schemas.Search.of(wiring.services(), of(request), service)
    return found
