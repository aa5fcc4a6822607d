"""Getting started without a list of sites: searches, open collections and archives, and the progress of these runs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control

from crawler.searches.mapping import Service
from desk.texts.crawl_refusals import inquiry_in_words, refusal_in_words
from desk.texts.schedules import describe_costs
from desk.texts.sentences import in_words
from desk.web.cases.queue import case_items
from desk.web.common.access import is_manager, parse_number
from desk.web.common.pages import decider_form, decider_post, forbidden, member_page, show
from desk.web.watches.crawls import progress_of, statistics_of
from desk.web.watches.forms import NIGHT
from exhibit.clock import now
from exhibit.errors import ExhibitError, RefusedError, WrongUseError
from exhibit.plain import plain
from exhibit.sentences import Sentence
from registry import scoped
from registry.cases import queue
from registry.crawls import first_watches, proposed_queries
from registry.crawls.inquiries import list_pictures
from registry.crawls.schedules import TimeOfDay
from registry.crawls.search_keys import estimate, get_key, get_obstacle, record_consent, store_key
from registry.crawls.search_services import get_service, load_services
from registry.crawls.watch_settings import DEFAULT_BUDGET, is_manual_watch, is_unscheduled
from registry.models import UNFINISHED, CaseSighting, Owner
from workers import wiring

MAX_TEXT = 20_000
PREFERRED_ENGINES = ("google-vision", "tineye")
"""Image searches listed first."""
OFFERED = 50
"""Number of newest works offered for a trial."""
RECENT = timedelta(hours=2)
MAX_CRAWLS = 30
FINDS = 6
"""Number of newest finds shown while runs are under way."""


@decider_form()
def where(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the options, or start the chosen sites, collections or archives."""
    action = request.POST.get("do", "") if request.method == "POST" else ""
    values: dict[str, object] = {}
    if action == "sites":
        values = _sites(request, owner)
    elif action == "collections":
        values = _collections(request, owner)
    elif action == "archives":
        values = _archives(request, owner)
    if values.get("begun"):
        return redirect("under-way", slug=owner.slug)
    return show(request, owner, "web/where.html", _offers(owner) | values, status=422 if action else 200)


def _sites(request: HttpRequest, owner: Owner) -> dict[str, object]:
    addresses = plain(request.POST.get("addresses", ""))[:MAX_TEXT].splitlines()
    started, refused = first_watches.watch_sites(
        wiring.services(), owner, addresses, when=_at_night(), by=_person(request)
    )
    refusals = [(address, _describe_error(error)) for address, error in refused]
    if started:
        for address, why in refusals:
            messages.warning(request, _("%(address)s: %(why)s") % {"address": address, "why": why})
    elif not refusals:
        return {"site_problem": _("Enter the URL of a site.")}
    return {"begun": started, "refused": refusals, "addresses": "\n".join(address for address, _why in refusals)}


def _collections(request: HttpRequest, owner: Owner) -> dict[str, object]:
    open_ones = _open_collections()
    names = [name for name in request.POST.getlist("collection") if name in open_ones]
    words = plain(request.POST.get("words", ""))[:MAX_TEXT]
    name = _("Open collections")
    try:
        crawl = first_watches.watch_collections(
            wiring.services(), owner, names, words, name=name, when=_at_night(), by=_person(request)
        )
    except ExhibitError as error:
        return {"collection_problem": in_words(error), "words": words, "chosen": names}
    return {"begun": [crawl]}


def _archives(request: HttpRequest, owner: Owner) -> dict[str, object]:
    house = wiring.services()
    names = [name for name in request.POST.getlist("archive") if name in first_watches.list_archives(house)]
    domains, since = (plain(request.POST.get(name, ""))[:MAX_TEXT] for name in ("domains", "since"))
    name = _("From an archive")
    try:
        crawl = first_watches.watch_archives(house, owner, names, domains, since=since, name=name, by=_person(request))
    except ExhibitError as error:
        return {"archive_problem": _describe_error(error), "domains": domains, "since": since, "chosen_archives": names}
    return {"begun": [crawl]}


@decider_post(back="where")
def try_service(request: HttpRequest, owner: Owner, service: str) -> HttpResponse:
    """Store a key, if given, and query a search service for one work."""
    house = wiring.services()
    search_service = get_service(house.config, service)
    work = scoped.work(owner, parse_number(request.POST.get("work")) or 0)
    key = request.POST.get("key", "").strip()
    if (key or get_obstacle(house, owner, service, search_service)) and not is_manager(owner):
        return forbidden(request)
    if key:
        store_key(house, owner, service, key, by=_person(request))
    if (lacks := get_obstacle(house, owner, service, search_service)) == "no-key":
        raise WrongUseError(Sentence("There is no key for %(name)s.", name=search_service.name))
    if lacks:
        record_consent(house, owner, service, by=_person(request))
    first_watches.start_trial(house, owner, service, work.number, by=_person(request))
    return redirect("under-way", slug=owner.slug)


@decider_post(back="where")
def continue_trial(request: HttpRequest, owner: Owner, service: str) -> HttpResponse | None:
    """Keep querying a tried search service for all works."""
    if (watch := first_watches.find_trial(owner, service)) is None:
        return None
    first_watches.convert_trial(wiring.services(), watch, when=_at_night(), by=_person(request))
    return redirect("under-way", slug=owner.slug)


@member_page()
@cache_control(private=True, no_store=True)
def under_way(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the runs that are under way or started recently, with their results."""
    is_recent = Q(state__in=UNFINISHED) | Q(started_at__gt=now() - RECENT)
    crawls = list(scoped.crawls(owner).filter(is_recent)[:MAX_CRAWLS])
    rows = list(zip(crawls, statistics_of(crawls), strict=True))
    case_sightings = CaseSighting.objects.filter(case=OuterRef("pk"), sighting__crawl__in=crawls)
    found_cases = scoped.cases(owner).filter(Exists(case_sightings))
    open_cases = found_cases.filter(waits=True)
    values = {
        "rows": rows,
        "goes_on": any(crawl.finished_at is None or progress["uncompared"] for crawl, progress in rows),
        "found": found_cases.exists(),
        "cases": open_cases.count(),
        "finds": case_items(owner, list(open_cases.select_related(*queue.RELATED_FIELDS).order_by("-number")[:FINDS])),
        "whole": all(crawl.reason == "finished" and not _has_messages(progress) for crawl, progress in rows),
        "again": not all(is_unscheduled(crawl.watch) or is_manual_watch(crawl.watch) for crawl in crawls),
    }
    return show(request, owner, "web/under-way.html", values)


def _has_messages(progress: Mapping[str, Any]) -> bool:
    """Return True if a run's searches ended with something to report."""
    return any(words for _inquiry, words in progress["inquiries"])


def _offers(owner: Owner) -> dict[str, object]:
    """Return the page's template data: search services with trials, open collections, search words and archives."""
    house = wiring.services()
    search_services = load_services(house.config)
    engines = [(name, item) for name, item in search_services.items() if item.takes_pictures]
    engines.sort(key=lambda item: (item[0] not in PREFERRED_ENGINES, item[1].name))
    open_services = _open_collections()
    works = list(scoped.works(owner).filter(work_pictures__stated=None).order_by("-number").distinct()[:OFFERED])
    return {
        "engines": [_engine(owner, name, item) for name, item in engines],
        "manages": is_manager(owner),
        "collections": [(name, item, first_watches.get_max_results(item)) for name, item in open_services.items()],
        "collection_names": _(", ").join(item.name for item in open_services.values()),
        "chosen": list(open_services),
        "archives": list(first_watches.list_archives(house).items()),
        "chosen_archives": list(first_watches.list_archives(house))[:1],
        "words": "\n".join(proposed_queries.propose_queries(owner)),
        "works": [(work.number, work.title) for work in works],
        "pictures": list_pictures(owner.pk, []).count(),
        "site_pages": DEFAULT_BUDGET["pages"],
        "most_sites": first_watches.MAX_SITES,
    }


def _engine(owner: Owner, name: str, service: Service) -> dict[str, object]:
    """Return the template data of an image search: missing requirements, and the result of its trial."""
    house = wiring.services()
    trial = first_watches.find_trial(owner, name)
    crawl = None if trial is None else trial.crawls.order_by("-number").first()
    inquiry = None if crawl is None else crawl.inquiries.first()
    return {
        "name": name,
        "service": service,
        "places": first_watches.get_max_results(service),
        "has_key": not service.key_form or get_key(house, owner, name) is not None,
        "crawl": crawl,
        "progress": None if crawl is None else progress_of(crawl),
        "asked": inquiry,
        "problem": "" if inquiry is None else inquiry_in_words(inquiry),
        "costs": [] if trial is None else describe_costs(estimate(house, owner, [name], budget={}), {}),
    }


def _open_collections() -> dict[str, Service]:
    """Return the text searches that need no key."""
    search_services = load_services(wiring.services().config)
    collections = {name: item for name, item in search_services.items() if item.takes == "words" and not item.key_form}
    return dict(sorted(collections.items(), key=lambda item: item[1].name))


def _at_night() -> TimeOfDay:
    return TimeOfDay(NIGHT, timezone.get_current_timezone(), timezone.localtime().weekday())


def _describe_error(error: ExhibitError) -> str:
    return refusal_in_words(error.reason) if isinstance(error, RefusedError) else in_words(error)


def _person(request: HttpRequest) -> str:
    return request.user.get_username()
