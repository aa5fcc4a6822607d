"""Getting started: sites, trial searches, open collections and web archives, and the progress of their crawls."""

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

from crawler.searches.mapping import SearchService
from desk.texts.crawl_refusals import describe_inquiry, describe_refusal
from desk.texts.schedules import describe_costs
from desk.texts.sentences import in_words
from desk.web.cases.queue import build_case_items
from desk.web.common.access import is_manager, parse_number
from desk.web.common.pages import decider_form, decider_post, member_page, render_forbidden, render_page
from desk.web.watches.crawls import build_progress, build_statistics
from desk.web.watches.forms import NIGHT_START
from exhibit.clock import now
from exhibit.errors import ExhibitError, InvalidRequestError, RefusedError
from exhibit.plain import remove_control_chars
from exhibit.sentences import Sentence
from registry import scoped
from registry.cases import queue
from registry.crawls import first_watches, proposed_queries
from registry.crawls.inquiries import list_pictures
from registry.crawls.schedules import TimeOfDay
from registry.crawls.search_keys import estimate_costs, get_key, get_obstacle, record_consent, store_key
from registry.crawls.search_services import get_service, load_services
from registry.crawls.watch_settings import DEFAULT_BUDGET, is_manual_watch, is_unscheduled
from registry.models import UNFINISHED, CaseSighting, Owner
from workers import wiring

MAX_TEXT = 20_000
PREFERRED_ENGINES = ("google-vision", "tineye")
"""Image searches listed first."""
MAX_OFFERED_WORKS = 50
"""Maximum number of works offered for a trial, newest first."""
RECENT_PERIOD = timedelta(hours=2)
MAX_CRAWLS = 30
MAX_MATCHES = 6
"""Maximum number of new matches shown on the progress page of crawls."""


@decider_form()
def choose_sources(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the options, or start the chosen sites, collections or archives."""
    action = request.POST.get("do", "") if request.method == "POST" else ""
    values: dict[str, object] = {}
    if action == "sites":
        values = _watch_sites(request, owner)
    elif action == "collections":
        values = _watch_collections(request, owner)
    elif action == "archives":
        values = _watch_archives(request, owner)
    if values.get("begun"):
        return redirect("under-way", slug=owner.slug)
    return render_page(request, owner, "web/where.html", _build_offers(owner) | values, status=422 if action else 200)


def _watch_sites(request: HttpRequest, owner: Owner) -> dict[str, object]:
    urls = remove_control_chars(request.POST.get("addresses", ""))[:MAX_TEXT].splitlines()
    started_crawls, refused_urls = first_watches.watch_sites(
        wiring.services(), owner, urls, when=_build_night_time(), by=_get_user_name(request)
    )
    refusals = [(url, _describe_error(error)) for url, error in refused_urls]
    if started_crawls:
        for url, reason in refusals:
            messages.warning(request, _("%(address)s: %(why)s") % {"address": url, "why": reason})
    elif not refusals:
        return {"site_problem": _("Enter the URL of a site.")}
    return {"begun": started_crawls, "refused": refusals, "addresses": "\n".join(url for url, _why in refusals)}


def _watch_collections(request: HttpRequest, owner: Owner) -> dict[str, object]:
    open_collections = _list_open_collections()
    names = [name for name in request.POST.getlist("collection") if name in open_collections]
    queries = remove_control_chars(request.POST.get("words", ""))[:MAX_TEXT]
    name = _("Open collections")
    try:
        crawl = first_watches.watch_collections(
            wiring.services(), owner, names, queries, name=name, when=_build_night_time(), by=_get_user_name(request)
        )
    except ExhibitError as error:
        return {"collection_problem": in_words(error), "words": queries, "chosen": names}
    return {"begun": [crawl]}


def _watch_archives(request: HttpRequest, owner: Owner) -> dict[str, object]:
    services = wiring.services()
    names = [name for name in request.POST.getlist("archive") if name in first_watches.list_archives(services)]
    domains, since = (remove_control_chars(request.POST.get(name, ""))[:MAX_TEXT] for name in ("domains", "since"))
    name = _("From an archive")
    try:
        crawl = first_watches.watch_archives(
            services, owner, names, domains, since=since, name=name, by=_get_user_name(request)
        )
    except ExhibitError as error:
        return {"archive_problem": _describe_error(error), "domains": domains, "since": since, "chosen_archives": names}
    return {"begun": [crawl]}


@decider_post(back="where")
def try_service(request: HttpRequest, owner: Owner, service: str) -> HttpResponse:
    """Store a key, if given, and query a search service for one work."""
    services = wiring.services()
    search_service = get_service(services.config, service)
    work = scoped.get_work(owner, parse_number(request.POST.get("work")) or 0)
    key = request.POST.get("key", "").strip()
    if (key or get_obstacle(services, owner, service, search_service)) and not is_manager(owner):
        return render_forbidden(request)
    if key:
        store_key(services, owner, service, key, by=_get_user_name(request))
    if (obstacle := get_obstacle(services, owner, service, search_service)) == "no-key":
        raise InvalidRequestError(Sentence("There is no key for %(name)s.", name=search_service.name))
    if obstacle:
        record_consent(services, owner, service, by=_get_user_name(request))
    first_watches.start_trial(services, owner, service, work.number, by=_get_user_name(request))
    return redirect("under-way", slug=owner.slug)


@decider_post(back="where")
def continue_trial(request: HttpRequest, owner: Owner, service: str) -> HttpResponse | None:
    """Keep querying a tried search service for all works."""
    if (watch := first_watches.find_trial(owner, service)) is None:
        return None
    first_watches.convert_trial(wiring.services(), watch, when=_build_night_time(), by=_get_user_name(request))
    return redirect("under-way", slug=owner.slug)


@member_page()
@cache_control(private=True, no_store=True)
def show_recent_crawls(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Show the crawls that are running or were started recently, with their results."""
    is_recent = Q(state__in=UNFINISHED) | Q(started_at__gt=now() - RECENT_PERIOD)
    crawls = list(scoped.list_owner_crawls(owner).filter(is_recent)[:MAX_CRAWLS])
    rows = list(zip(crawls, build_statistics(crawls), strict=True))
    case_sightings = CaseSighting.objects.filter(case=OuterRef("pk"), sighting__crawl__in=crawls)
    crawl_cases = scoped.list_owner_cases(owner).filter(Exists(case_sightings))
    open_cases = crawl_cases.filter(is_pending=True)
    values = {
        "rows": rows,
        "goes_on": any(crawl.finished_at is None or progress["uncompared"] for crawl, progress in rows),
        "found": crawl_cases.exists(),
        "cases": open_cases.count(),
        "finds": build_case_items(
            owner, list(open_cases.select_related(*queue.RELATED_FIELDS).order_by("-number")[:MAX_MATCHES])
        ),
        "whole": all(crawl.reason == "finished" and not _has_messages(progress) for crawl, progress in rows),
        "again": not all(is_unscheduled(crawl.watch) or is_manual_watch(crawl.watch) for crawl in crawls),
    }
    return render_page(request, owner, "web/under-way.html", values)


def _has_messages(progress: Mapping[str, Any]) -> bool:
    """Return True if a search of the crawl has a message for the user."""
    return any(message for _inquiry, message in progress["inquiries"])


def _build_offers(owner: Owner) -> dict[str, object]:
    """Return the page's template data: search services with trials, open collections, proposed queries and archives."""
    services = wiring.services()
    search_services = load_services(services.config)
    engines = [(name, item) for name, item in search_services.items() if item.takes_pictures]
    engines.sort(key=lambda item: (item[0] not in PREFERRED_ENGINES, item[1].name))
    open_services = _list_open_collections()
    works = list(
        scoped.list_owner_works(owner)
        .filter(work_pictures__stated=None)
        .order_by("-number")
        .distinct()[:MAX_OFFERED_WORKS]
    )
    return {
        "engines": [_build_engine_values(owner, name, item) for name, item in engines],
        "manages": is_manager(owner),
        "collections": [(name, item, first_watches.get_max_results(item)) for name, item in open_services.items()],
        "collection_names": _(", ").join(item.name for item in open_services.values()),
        "chosen": list(open_services),
        "archives": list(first_watches.list_archives(services).items()),
        "chosen_archives": list(first_watches.list_archives(services))[:1],
        "words": "\n".join(proposed_queries.propose_queries(owner)),
        "works": [(work.number, work.title) for work in works],
        "pictures": list_pictures(owner.pk, []).count(),
        "site_pages": DEFAULT_BUDGET["pages"],
        "most_sites": first_watches.MAX_SITES,
    }


def _build_engine_values(owner: Owner, name: str, service: SearchService) -> dict[str, object]:
    """Return the template data of an image search: whether a key is needed, and the result of its trial."""
    services = wiring.services()
    trial = first_watches.find_trial(owner, name)
    crawl = None if trial is None else trial.crawls.order_by("-number").first()
    inquiry = None if crawl is None else crawl.inquiries.first()
    return {
        "name": name,
        "service": service,
        "places": first_watches.get_max_results(service),
        "has_key": not service.key_form or get_key(services, owner, name) is not None,
        "crawl": crawl,
        "progress": None if crawl is None else build_progress(crawl),
        "inquiry": inquiry,
        "problem": "" if inquiry is None else describe_inquiry(inquiry),
        "costs": [] if trial is None else describe_costs(estimate_costs(services, owner, [name], budget={}), {}),
    }


def _list_open_collections() -> dict[str, SearchService]:
    """List the search services that accept queries and need no key, by name."""
    search_services = load_services(wiring.services().config)
    collections = {
        name: item for name, item in search_services.items() if item.query_kind == "words" and not item.key_form
    }
    return dict(sorted(collections.items(), key=lambda item: item[1].name))


def _build_night_time() -> TimeOfDay:
    return TimeOfDay(NIGHT_START, timezone.get_current_timezone(), timezone.localtime().weekday())


def _describe_error(error: ExhibitError) -> str:
    return describe_refusal(error.reason) if isinstance(error, RefusedError) else in_words(error)


def _get_user_name(request: HttpRequest) -> str:
    return request.user.get_username()
