"""First watches of an owner: sites, open collections, archives, search trials; each starts immediately."""

from collections.abc import Iterable, Sequence
from typing import Any

from crawler.searches.mapping import Service
from crawler.site_probe import check_address
from exhibit.errors import ExhibitError, WrongUseError
from exhibit.network.addresses import host_of, same_domain
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import captures, plan, scoped, watching
from registry.crawls.crawling import ARCHIVE, SEARCH
from registry.crawls.looks import with_scheme
from registry.crawls.models import Crawl, Watch
from registry.crawls.schedules import DAY, WEEK, TimeOfDay
from registry.crawls.search_services import service_of, words_of
from registry.crawls.watches import arrange, change, check_addresses
from registry.services.services import Services

MAX_SITES = 20
ONCE = watching.MAX_INTERVAL
"""Interval of a trial watch, which runs only when started."""


def watch_sites(
    services: Services, owner: Owner, addresses: Iterable[str], *, when: TimeOfDay, by: str
) -> tuple[list[Crawl], list[tuple[str, ExhibitError]]]:
    """Watch sites daily, and start immediately; return the crawls, and the URLs that cannot be watched with the error.

    A URL is added to an existing watch of its domain, if there is one.
    """
    entries = list(dict.fromkeys(address.strip() for address in addresses if address.strip()))
    crawls: dict[int, Crawl] = {}
    refused: list[tuple[str, ExhibitError]] = []
    for address in entries[:MAX_SITES]:
        try:
            url = with_scheme(address)
            check_address(url, services.guard)
            check_addresses(services, [url])
            crawl = plan.start_now(services, _watch_of_site(services, owner, url, when=when, by=by))
        except ExhibitError as error:
            refused.append((address, error))
        else:
            crawls[crawl.pk] = crawl
    over = WrongUseError(Sentence("You can add at most %(most)s sites at a time.", most=MAX_SITES))
    return list(crawls.values()), refused + [(address, over) for address in entries[MAX_SITES:]]


def _watch_of_site(services: Services, owner: Owner, url: str, *, when: TimeOfDay, by: str) -> Watch:
    place = ("site", url)
    for watch in scoped.watches(owner).filter(own=False):  # sites to be monitored are not the owner's own
        if watching.visits_sites(watch) and any(same_domain(known, url) for _kind, known in watching.places(watch)):
            watching.change_sources(watch, add=[place], by=by)
            return watch
    name = watching.free_name(owner, host_of(url).removeprefix("www."))
    return arrange(services, owner, name, [place], every=DAY, when=when, budget={}, politeness={}, by=by)


def watch_collections(
    services: Services, owner: Owner, names: Sequence[str], text: str, *, name: str, when: TimeOfDay, by: str
) -> Crawl:
    """Search open collections for words, one query per line, once a week, and start immediately.

    Repeated calls with the same words and collections reuse the watch. Raises ``WrongUseError`` for invalid input.
    """
    places = [(SEARCH, one) for one in dict.fromkeys(names)]
    if not places:
        raise WrongUseError(Sentence("Select at least one source."))
    if not (words := words_of(text)):
        raise WrongUseError(Sentence("Enter what to search for."))
    same = (
        one
        for one in scoped.watches(owner)
        if watching.places(one) == places and list(dict.fromkeys(watching.searched_words(one))) == words
    )
    watch = next(same, None)
    if watch is None:
        free = watching.free_name(owner, name)
        settings: dict[str, Any] = {"every": WEEK, "when": when, "budget": {"searches": len(words)}, "politeness": {}}
        watch = arrange(services, owner, free, places, words=words, by=by, **settings)
    return plan.start_now(services, watch)


def archives(services: Services) -> dict[str, str]:
    """Return the web archives that can be queried for a domain: names and display names."""
    return {name: captures.TITLES[name] for name in captures.offered(services.config)}


def watch_archives(
    services: Services, owner: Owner, names: Sequence[str], text: str, *, since: str, name: str, by: str
) -> Crawl:
    """Watch archives for pictures of domains, one per line, every four weeks, and start immediately.

    Repeated calls with the same domains and archives reuse the watch. Raises as ``arrange``.
    """
    places = [(ARCHIVE, one) for one in dict.fromkeys(names)]
    if not places:
        raise WrongUseError(Sentence("Select at least one source."))
    query = captures.subjects([line for line in text.splitlines() if line.strip()], since, None)
    if not query["domains"]:
        raise WrongUseError(Sentence("Enter a domain."), hint=Sentence("Use this format: example.com"))
    sources = [
        {"kind": kind, "url": url, **{key: value for key, value in query.items() if value}} for kind, url in places
    ]
    watch = next((one for one in scoped.watches(owner) if one.sources == sources), None)
    if watch is None:
        settings: dict[str, Any] = {"every": 4 * WEEK, "budget": {}, "politeness": {}}
        watch = arrange(services, owner, watching.free_name(owner, name), places, by=by, **query, **settings)
    return plan.start_now(services, watch)


def trial_of(owner: Owner, search: str) -> Watch | None:
    """Return the watch of a search service's trial, as long as it has no schedule."""
    tried = scoped.watches(owner).order_by("-number")
    return next((one for one in tried if watching.runs_once(one) and watching.places(one) == [(SEARCH, search)]), None)


def try_search(services: Services, owner: Owner, search: str, work: int, *, by: str) -> Crawl:
    """Query a picture search for one work, without a schedule; raises as ``arrange``."""
    service = service_of(services.config, search)
    watch = trial_of(owner, search)
    if watch is None:
        name, one = watching.free_name(owner, service.name), {"searches": 1}
        settings: dict[str, Any] = {"every": ONCE, "budget": one, "politeness": {}, "by": by}
        watch = arrange(services, owner, name, [(SEARCH, search)], works=[work], newest=True, **settings)
    else:
        change(services, watch, budget={}, politeness={}, works=[work], by=by)
    return plan.start_now(services, watch)


def keep_trial(services: Services, watch: Watch, *, when: TimeOfDay, by: str) -> Crawl:
    """Turn a trial into a weekly search for all works in turn, and start immediately."""
    ((_kind, search),) = watching.places(watch)
    budget = {"searches": service_of(services.config, search).pace.searches}
    change(services, watch, every=WEEK, when=when, budget=budget, politeness={}, works=[], newest=False, by=by)
    watch.refresh_from_db()
    return plan.start_now(services, watch)


def places_of(service: Service) -> int:
    """Return the maximum number of results of a search service for one picture or query."""
    return service.pace.size * service.pace.pages
