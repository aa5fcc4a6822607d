"""Creation and change of watches by members, with checks of their sources and search settings.

Sites can be examined before a watch is created.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, NotRequired, TypedDict, Unpack

from django.db import transaction

from crawler.formats.job import UserAgent
from crawler.site_probe import SiteProbe, inspect_site
from exhibit.errors import InvalidRequestError, RefusedError
from exhibit.network.addresses import get_url_host
from exhibit.reasons import Reason
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import archive_captures, copy_checks, watch_settings
from registry.crawls.crawling import ARCHIVE, SEARCH, is_denied, load_denials
from registry.crawls.models import KnownCopy, Watch
from registry.crawls.schedules import TimeOfDay
from registry.crawls.search_keys import check_costs
from registry.crawls.search_services import get_services_for
from registry.services.services import Services, build_contact_fields
from registry.works import scoped
from registry.works.models import Work

Source = tuple[str, str]
"""Kind and URL of a source."""


class WatchSettings(watch_settings.Subjects, TypedDict):
    """Further settings of a watch, as accepted by :func:`registry.crawls.watch_settings.add_watch`."""

    every: timedelta
    budget: Mapping[str, Any]
    politeness: Mapping[str, float]
    by: str
    when: NotRequired[TimeOfDay | None]
    own: NotRequired[bool]


def set_up_watch(
    services: Services, owner: Owner, name: str, sources: Sequence[Source], **settings: Unpack[WatchSettings]
) -> Watch:
    """Create a watch.

    By default, the number of queries per run is taken from the search service's mapping, and links on pages of lists
    are not followed.

    Several search services are queried in parallel for the same subjects, with the same number of queries.

    Raises:
        NotFoundError: A search service or archive does not exist.
        RefusedError: A URL may not be visited.
        InvalidRequestError: The settings are invalid.
    """
    _check_sources(services, sources)
    defaults = {"depth": 0} if any(kind == "list" for kind, _url in sources) else {}
    words, works = settings.get("words") or (), settings.get("works") or ()
    if archives := [address for kind, address in sources if kind == ARCHIVE]:
        _check_archives(services, archives)
        query = archive_captures.build_archive_query(
            settings.get("domains") or (), settings.get("since"), settings.get("until")
        )
        check_addresses(services, [f"http://{domain}/" for domain in query["domains"] or ()])
        settings["domains"], settings["since"], settings["until"] = query["domains"], query["since"], query["until"]
    if search_services := get_services_for(services.config, _list_searches(sources), words, works):
        defaults["searches"] = min(service.pace.searches for service in search_services)
        check_costs(services, owner, _list_searches(sources), settings["budget"])
        _check_works(owner, works)
        if search_services[0].query_kind == "nothing":
            settings["words"] = [search_services[0].name]  # each is queried once per run
    settings["budget"] = {**defaults, **settings["budget"]}
    return watch_settings.add_watch(owner, name, sources, **settings)


def update_watch(  # noqa: PLR0913 - see registry.crawls.watch_settings.change_watch and change_sources
    services: Services,
    watch: Watch,
    *,
    budget: Mapping[str, Any],
    politeness: Mapping[str, float],
    by: str,
    name: str | None = None,
    every: timedelta | None = None,
    when: TimeOfDay | None = None,
    own: bool | None = None,
    add: Sequence[Source] = (),
    remove: Collection[Source] = (),
    **subjects: Unpack[watch_settings.Subjects],
) -> None:
    """Change a watch atomically; values that are not given stay unchanged.

    Raises the errors of :func:`set_up_watch`.
    """
    _check_sources(services, add)
    with transaction.atomic():
        settings: dict[str, Any] = {"name": name, "every": every, "when": when, "own": own}
        watch_settings.change_watch(watch, budget=budget, politeness=politeness, by=by, **settings)
        watch_settings.change_sources(watch, add=add, remove=remove, by=by)
        if searches := _list_searches(watch_settings.list_sources(watch)):
            check_costs(services, watch.owner, searches, {**watch.budget, **budget})
        words, works = subjects.get("words"), subjects.get("works") or ()
        if words is not None or works:
            get_services_for(services.config, searches, words or (), works)
            _check_works(watch.owner, works)
        watch_settings.change_subjects(watch, by=by, **subjects)


def place_known_copy(services: Services, work: Work, watch: Watch, url: str, *, by: str) -> KnownCopy:
    """Register a known copy after checking its URL; see :func:`registry.crawls.copy_checks.add_known_copy`.

    Also raises ``RefusedError``.
    """
    services.guard.check_url(url)
    return copy_checks.add_known_copy(work, watch, url, by=by)


def _check_sources(services: Services, sources: Sequence[Source]) -> None:
    unvisited_kinds = (*watch_settings.FILE_KINDS, SEARCH, ARCHIVE)
    check_addresses(services, [address for kind, address in sources if kind not in unvisited_kinds])


def _check_archives(services: Services, names: Sequence[str]) -> None:
    for name in names:
        archive_captures.get_archive_client(services, name)


def _check_works(owner: Owner, works: Sequence[int]) -> None:
    existing_numbers = scoped.list_owner_works(owner).filter(number__in=works).values_list("number", flat=True)
    for number in sorted({*works} - {*existing_numbers})[:1]:
        raise InvalidRequestError(Sentence("Work %(number)s does not exist.", number=number))


def _list_searches(sources: Sequence[Source]) -> list[str]:
    return [address for kind, address in sources if kind == SEARCH]


def examine_site(services: Services, address: str) -> SiteProbe:
    """Examine a site under the usual rules of crawls: guard, deny list, robots.txt; raises ``RefusedError``."""
    return inspect_site(address, services.guard, UserAgent(**build_contact_fields(services.config.contact)), is_denied)


def check_addresses(services: Services, urls: Iterable[str]) -> None:
    """Reject URLs that are on the deny list, or that the address guard rejects without resolving their hosts.

    Raises:
        RefusedError: The reason is the guard's or ``denied-host``; the message contains the URL.
    """
    is_denied = load_denials()
    for url in urls:
        try:
            services.guard.check_url(url)
        except RefusedError as error:
            raise RefusedError(f"{url}: {error.message}", reason=error.reason, hint=error.hint) from error
        if is_denied(get_url_host(url)):
            raise RefusedError(f"{url}: The host is on the deny list.", reason=Reason.DENIED_HOST)
