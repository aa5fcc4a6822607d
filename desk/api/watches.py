"""Watches, their crawls and their canaries."""

from datetime import timedelta
from http import HTTPStatus

from django.http import HttpResponse, JsonResponse
from ninja import Router

from desk import shapes
from desk.api import answers, given
from desk.api.actors import WRITE, Call, of
from desk.api.paging import Cursor, Limit, each, page
from desk.api.repeats import once
from exhibit.errors import ServiceMissingError
from registry import canaries, owned, watching
from registry.models import Refusal
from workers import wiring
from workers.steps.plan import plan_crawls
from workers.steps.retain import disk_is_full

router = Router(tags=["watches"])
WATCHES, ONE = "/owners/{slug:owner}/watches", "/owners/{slug:owner}/watches/{int:number}"


@router.get(WATCHES, response=answers.Piece[answers.Watch], operation_id="list_watches")
def list_watches(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The watches, each with its last crawl."""
    return page(owned.watches(of(request)), shapes.watches, cursor, limit)


@router.post(WATCHES, auth=WRITE, response={201: answers.Watch}, operation_id="add_watch")
@once
def add_watch(request: Call, owner: str, new: given.NewWatch) -> HttpResponse:
    """Arrange a watch over sites, sitemaps, feeds or single pages."""
    depth = 0 if new.depth is None and any(one.kind == given.SourceKind.LIST for one in new.sources) else new.depth
    budget = {name: value for name, value in (("pages", new.pages), ("depth", depth)) if value is not None}
    for source in new.sources:
        wiring.house().guard.check_url(source.url)
    row = watching.add_watch(
        of(request),
        new.name.strip(),
        [(one.kind.value, one.url) for one in new.sources],
        every=timedelta(seconds=new.every_seconds),
        budget=budget,
        politeness={} if new.delay is None else {"delay": new.delay},
        by=request.auth.by,
    )
    return JsonResponse(shapes.watch(row), status=HTTPStatus.CREATED)


@router.get(ONE, response=answers.Watch, operation_id="get_watch")
def get_watch(request: Call, owner: str, number: int) -> JsonResponse:
    """One watch with its last crawl."""
    return JsonResponse(shapes.watch(owned.watch_numbered(of(request), number)))


@router.post(ONE + "/pause", auth=WRITE, response=answers.Watch, operation_id="pause_watch")
@once
def pause_watch(request: Call, owner: str, number: int) -> HttpResponse:
    """Start no more crawls; one that is under way goes on."""
    watching.pause(owned.watch_numbered(of(request), number), by=request.auth.by)
    return JsonResponse(shapes.watch(owned.watch_numbered(of(request), number)))


@router.post(ONE + "/resume", auth=WRITE, response=answers.Watch, operation_id="resume_watch")
@once
def resume_watch(request: Call, owner: str, number: int) -> HttpResponse:
    """Start crawls again at the usual times."""
    watching.resume(owned.watch_numbered(of(request), number), by=request.auth.by)
    return JsonResponse(shapes.watch(owned.watch_numbered(of(request), number)))


@router.post(ONE + "/run", auth=WRITE, response={202: answers.Crawl}, operation_id="run_watch")
@once
def run_watch(request: Call, owner: str, number: int) -> HttpResponse:
    """Start the next crawl now; one that is under way already is that."""
    row, house = owned.watch_numbered(of(request), number), wiring.house()
    if disk_is_full(house):
        raise ServiceMissingError("The disk is nearly full, and crawling has stopped.", hint="Ask the operator.")
    crawl = watching.start_now(row)
    plan_crawls(house, [crawl.pk])
    return JsonResponse(shapes.crawl(crawl), status=HTTPStatus.ACCEPTED)


@router.get(ONE + "/crawls", response=answers.Piece[answers.Crawl], operation_id="list_crawls")
def list_crawls(request: Call, owner: str, number: int, cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The crawls of a watch."""
    rows = owned.watch_numbered(of(request), number).crawls.select_related("watch")
    return page(rows, shapes.crawls, cursor, limit)


@router.get(ONE + "/crawls/{int:crawl}", response=answers.FullCrawl, operation_id="get_crawl")
def get_crawl(request: Call, owner: str, number: int, crawl: int) -> JsonResponse:
    """One crawl, with how much it refused and why."""
    row = owned.crawl(of(request), number, crawl)
    return JsonResponse({**shapes.crawl(row), "refused": owned.refusal_counts(row)})


@router.get(ONE + "/crawls/{int:crawl}/refusals", response=answers.Piece[answers.Refusal], operation_id="list_refusals")
def list_refusals(
    request: Call, owner: str, number: int, crawl: int, cursor: Cursor = "", limit: Limit = 50
) -> JsonResponse:
    """What a crawl didn't fetch or keep, and why."""
    rows = Refusal.objects.filter(crawl=owned.crawl(of(request), number, crawl))
    return page(rows, each(shapes.refusal), cursor, limit, key="pk")


@router.get("/owners/{slug:owner}/canaries", response=answers.Piece[answers.Canary], operation_id="list_canaries")
def list_canaries(request: Call, owner: str, cursor: Cursor = "", limit: Limit = 50) -> JsonResponse:
    """The known copies that are expected now, with what the last run made of each."""
    return page(canaries.active(of(request)), shapes.canaries_of, cursor, limit)


@router.post(ONE + "/canaries", auth=WRITE, response={201: answers.Canary}, operation_id="plant_canary")
@once
def plant_canary(request: Call, owner: str, number: int, new: given.NewCanary) -> HttpResponse:
    """Say that a page of yours shows a known copy, which the watch has to find from its next crawl on."""
    watch, work = owned.watch_numbered(of(request), number), owned.work(of(request), new.work)
    row = canaries.plant(work, watch, new.url, by=request.auth.by)
    return JsonResponse(shapes.canary(row), status=HTTPStatus.CREATED)


@router.delete(
    "/owners/{slug:owner}/canaries/{int:number}", auth=WRITE, response={204: None}, operation_id="withdraw_canary"
)
def withdraw_canary(request: Call, owner: str, number: int) -> HttpResponse:
    """Expect a canary no longer."""
    canaries.withdraw(owned.canary(of(request), number), by=request.auth.by)
    return HttpResponse(status=HTTPStatus.NO_CONTENT)
