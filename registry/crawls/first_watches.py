"""First watches of an owner (sites, open collections, archives, search trials), started immediately."""

from collections.abc import Iterable, Sequence
from typing import Any

from crawler.searches.mapping import SearchService
from crawler.site_probe import check_address
from exhibit.errors import ExhibitError, InvalidRequestError
from exhibit.network.addresses import get_url_host, have_same_domain
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import archive_captures, planning, scoped, watch_settings
from registry.crawls.crawling import ARCHIVE, SEARCH
from registry.crawls.manual_visits import add_scheme
from registry.crawls.models import Crawl, Watch
from registry.crawls.schedules import DAY, WEEK, TimeOfDay
from registry.crawls.search_services import get_service, split_queries
from registry.crawls.watches import check_addresses, set_up_watch, update_watch
from registry.services.services import Services

MAX_SITES = 20
TRIAL_INTERVAL = watch_settings.MAX_INTERVAL
"""Interval of a trial watch, which runs only when started."""


def watch_sites(
    services: Services, owner: Owner, addresses: Iterable[str], *, when: TimeOfDay, by: str
) -> tuple[list[Crawl], list[tuple[str, ExhibitError]]]:
    """Watch sites daily, starting now; return the crawls, and the rejected URLs with their errors.

    If a watch of the URL's domain exists, the URL is added to it.
    """
    entries = list(dict.fromkeys(address.strip() for address in addresses if address.strip()))
    crawls: dict[int, Crawl] = {}
    refused_sites: list[tuple[str, ExhibitError]] = []
    for address in entries[:MAX_SITES]:
        try:
            url = add_scheme(address)
            check_address(url, services.guard)
            check_addresses(services, [url])
            crawl = planning.start_crawl_now(
                services, _get_or_create_site_watch(services, owner, url, when=when, by=by)
            )
        except ExhibitError as error:
            refused_sites.append((address, error))
        else:
            crawls[crawl.pk] = crawl
    limit_error = InvalidRequestError(Sentence("You can add at most %(most)s sites at a time.", most=MAX_SITES))
    return list(crawls.values()), refused_sites + [(address, limit_error) for address in entries[MAX_SITES:]]


def _get_or_create_site_watch(services: Services, owner: Owner, url: str, *, when: TimeOfDay, by: str) -> Watch:
    source = ("site", url)
    for watch in scoped.list_watches(owner).filter(own=False):  # the sites to monitor are not the owner's own
        if watch_settings.is_site_watch(watch) and any(
            have_same_domain(known_url, url) for _kind, known_url in watch_settings.list_sources(watch)
        ):
            watch_settings.change_sources(watch, add=[source], by=by)
            return watch
    name = watch_settings.make_free_name(owner, get_url_host(url).removeprefix("www."))
    return set_up_watch(services, owner, name, [source], every=DAY, when=when, budget={}, politeness={}, by=by)


def watch_collections(
    services: Services, owner: Owner, names: Sequence[str], text: str, *, name: str, when: TimeOfDay, by: str
) -> Crawl:
    """Search open collections once a week, one query per line of ``text``, starting now.

    Repeated calls with the same words and collections reuse the watch. Raises ``InvalidRequestError`` for invalid
    input.
    """
    sources = [(SEARCH, item) for item in dict.fromkeys(names)]
    if not sources:
        raise InvalidRequestError(Sentence("Select at least one source."))
    if not (words := split_queries(text)):
        raise InvalidRequestError(Sentence("Enter what to search for."))
    matching_watches = (
        item
        for item in scoped.list_watches(owner)
        if watch_settings.list_sources(item) == sources
        and list(dict.fromkeys(watch_settings.list_search_words(item))) == words
    )
    watch = next(matching_watches, None)
    if watch is None:
        free_name = watch_settings.make_free_name(owner, name)
        settings: dict[str, Any] = {"every": WEEK, "when": when, "budget": {"searches": len(words)}, "politeness": {}}
        watch = set_up_watch(services, owner, free_name, sources, words=words, by=by, **settings)
    return planning.start_crawl_now(services, watch)


def list_archives(services: Services) -> dict[str, str]:
    """Return the web archives that can be queried for a domain: names and display names."""
    return {name: archive_captures.ARCHIVE_TITLES[name] for name in archive_captures.list_archives(services.config)}


def watch_archives(
    services: Services, owner: Owner, names: Sequence[str], text: str, *, since: str, name: str, by: str
) -> Crawl:
    """Query archives every four weeks for pictures of the domains in ``text``, one per line, starting now.

    Repeated calls with the same domains and archives reuse the watch. Raises the errors of ``set_up_watch``.
    """
    source_urls = [(ARCHIVE, item) for item in dict.fromkeys(names)]
    if not source_urls:
        raise InvalidRequestError(Sentence("Select at least one source."))
    query = archive_captures.build_archive_query([line for line in text.splitlines() if line.strip()], since, None)
    if not query["domains"]:
        raise InvalidRequestError(Sentence("Enter a domain."), hint=Sentence("Use this format: example.com"))
    sources = [
        {"kind": kind, "url": url, **{key: value for key, value in query.items() if value}} for kind, url in source_urls
    ]
    watch = next((item for item in scoped.list_watches(owner) if item.sources == sources), None)
    if watch is None:
        settings: dict[str, Any] = {"every": 4 * WEEK, "budget": {}, "politeness": {}}
        watch = set_up_watch(
            services, owner, watch_settings.make_free_name(owner, name), source_urls, by=by, **query, **settings
        )
    return planning.start_crawl_now(services, watch)


def find_trial(owner: Owner, search: str) -> Watch | None:
    """Return the watch of a search service's trial, if it still has no schedule."""
    candidates = scoped.list_watches(owner).order_by("-number")
    return next(
        (
            candidate
            for candidate in candidates
            if watch_settings.is_unscheduled(candidate) and watch_settings.list_sources(candidate) == [(SEARCH, search)]
        ),
        None,
    )


def start_trial(services: Services, owner: Owner, search: str, work: int, *, by: str) -> Crawl:
    """Query a picture search for one work, without a schedule; raises the errors of ``set_up_watch``."""
    service = get_service(services.config, search)
    watch = find_trial(owner, search)
    if watch is None:
        name, budget = watch_settings.make_free_name(owner, service.name), {"searches": 1}
        settings: dict[str, Any] = {"every": TRIAL_INTERVAL, "budget": budget, "politeness": {}, "by": by}
        watch = set_up_watch(services, owner, name, [(SEARCH, search)], works=[work], newest=True, **settings)
    else:
        update_watch(services, watch, budget={}, politeness={}, works=[work], by=by)
    return planning.start_crawl_now(services, watch)


def convert_trial(services: Services, watch: Watch, *, when: TimeOfDay, by: str) -> Crawl:
    """Convert a trial into a weekly search that queries all works in turn, starting now."""
    ((_kind, search),) = watch_settings.list_sources(watch)
    budget = {"searches": get_service(services.config, search).pace.searches}
    update_watch(services, watch, every=WEEK, when=when, budget=budget, politeness={}, works=[], newest=False, by=by)
    watch.refresh_from_db()
    return planning.start_crawl_now(services, watch)


def get_max_results(service: SearchService) -> int:
    """Return the maximum number of results of a search service for one picture or query."""
    return service.pace.size * service.pace.pages
