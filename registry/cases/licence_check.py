"""Licence coverage: the rule that crawls, trials and manual checks share."""

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeAlias

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, Prefetch, Q, Value, prefetch_related_objects

from exhibit.network.addresses import host_of, path_of, without_scheme
from exhibit.periods import days_of
from registry.cases.models import Case, CaseSighting
from registry.crawls.models import Sighting
from registry.works.models import Licence, Work

SIGHTINGS_PREFETCH = Prefetch(
    "case_sightings",
    CaseSighting.objects.select_related("sighting").order_by(
        F("sighting__last_seen").desc(nulls_last=True), "-sighting"
    ),
)
"""Prefetch of a case's sightings, the latest first; loaded once for every consumer of a case."""

MAX_FITS = 20
"""Maximum number of licences proposed for one case."""

_PATTERN_HOST = re.compile(r"(?:[a-z]+://)?([a-z0-9.-]+)(?::\d+)?/", re.IGNORECASE)

ACCOUNT_DEPTH = 2
"""Number of leading URL path segments that may contain an account name: /NAME, /shop/NAME, /@NAME."""

GENERIC_TLDS = frozenset(
    re.findall(r"\w+", "ac ag ai am as bz cc cd co eu fm gg gl io is la li ly me ms mu nu sc sh st su tk to tv vc ws")
)
"""Two-letter top-level domains that do not indicate a country: they are sold worldwide, or belong to no country."""


@dataclass(frozen=True, slots=True)
class SightingPlace:
    """Place and time of a sighting: the fields of a sighting that licences are checked against."""

    host: str
    party: str
    page_url: str
    image_url: str
    last_seen: datetime | None
    period: str = ""


Place: TypeAlias = Sighting | SightingPlace


class Gap(StrEnum):
    """A reason why a licence does not cover a place."""

    NO_PLACE = "no place"
    DOMAIN = "domain"
    PATTERN = "pattern"
    ACCOUNT = "account"
    TERRITORY = "territory"
    UNKNOWN_TERRITORY = "unknown territory"
    NOT_YET = "not yet"
    OVER = "over"
    UNKNOWN_TIME = "unknown time"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A reason why a licence does not cover a place, with the licence's value that caused it."""

    gap: Gap
    value: str = ""

    @property
    def text(self) -> str:
        """The reason in English, for the record."""
        return _GAP_TEXTS[self.gap].format(self.value)


_GAP_TEXTS = {
    Gap.NO_PLACE: "it names no domain, address or account",
    Gap.DOMAIN: "it is for {}",
    Gap.PATTERN: "it is for addresses like {}",
    Gap.ACCOUNT: "it is for the account {}",
    Gap.TERRITORY: "it is for {} only, and the host's ending names another country",
    Gap.UNKNOWN_TERRITORY: "it is for {} only, and the host's ending names no country",
    Gap.NOT_YET: "it begins on {}",
    Gap.OVER: "it ended on {}",
    Gap.UNKNOWN_TIME: "it is for {} only, and when the picture was seen isn't known closely enough",
}


@dataclass(frozen=True, slots=True)
class Fit:
    """The coverage of a case by one licence."""

    licence: Licence
    covered: int  # sightings of the case that the licence covers by its own terms
    of: int  # sightings of the case
    obstacle: Obstacle | None  # why it does not cover the others; ``None`` if it covers all


def explain_obstacle(licence: Licence, place: Place) -> str:
    """Return in a few English words why a licence does not cover a place; empty if it does."""
    reason = find_obstacle(licence, place)
    return "" if reason is None else reason.text


def find_obstacle(licence: Licence, place: Place) -> Obstacle | None:
    """Return the reason why a licence does not cover a place, or ``None`` if it does.

    A licence without a domain, URL pattern or account covers nothing: Exhibit does not accept permissions for everybody
    as licences. The territory of a place is known only if its host has a country's top-level domain; otherwise a
    licence for certain territories does not apply automatically, and a person decides.
    """
    if not (licence.domain or licence.url_pattern or licence.account):
        return Obstacle(Gap.NO_PLACE)
    if licence.domain and not _is_within(place.host, licence.domain):
        return Obstacle(Gap.DOMAIN, licence.domain)
    if licence.url_pattern and not _is_match(place, licence.url_pattern):
        return Obstacle(Gap.PATTERN, licence.url_pattern)
    if licence.account and not _is_account(place, licence):
        return Obstacle(Gap.ACCOUNT, licence.account)
    return _find_territory_obstacle(licence, place) or find_time_obstacle(licence, place)


def country_of(host: str) -> str:
    """Return the country of a host's top-level domain (ISO 3166-1 alpha-2); empty if there is none."""
    ending = host.rsplit(".", 1)[-1].lower()
    if len(ending) != 2 or not ending.isalpha() or ending in GENERIC_TLDS:
        return ""
    return "GB" if ending == "uk" else ending.upper()


class Ledger:
    """An owner's licences, loaded once to check many places. If several cover a place, the lowest number wins."""

    def __init__(self, licences: Iterable[tuple[Licence, frozenset[int]]]) -> None:
        """Index licences, each with the works that it names (an empty set means all works)."""
        self._by_domain: dict[str, list[tuple[Licence, frozenset[int]]]] = defaultdict(list)
        self._by_host: dict[str, list[tuple[Licence, frozenset[int]]]] = defaultdict(list)
        self._anywhere: list[tuple[Licence, frozenset[int]]] = []
        self.licences = list(licences)
        for licence, works in self.licences:
            if domain := _name(licence.domain):
                self._by_domain[domain].append((licence, works))
            elif host := _pattern_host(licence.url_pattern):
                self._by_host[host].append((licence, works))
            else:
                self._anywhere.append((licence, works))

    def find_covering(self, work: int, place: Place) -> Licence | None:
        """Return the licence that covers a work at a place, or ``None``."""
        candidates = [
            licence for licence in self._select_candidates(work, place) if find_obstacle(licence, place) is None
        ]
        return min(candidates, key=lambda licence: licence.number, default=None)

    def of_work(self, work: int) -> list[Licence]:
        """Return the licences that name this work or no particular work, by number."""
        matching = (licence for licence, works in self.licences if not works or work in works)
        return sorted(matching, key=lambda licence: licence.number)

    def near(self, work: int, place: Place) -> dict[int, Obstacle | None]:
        """Return licences for this work and site by number, with the time or territory obstacle of each, if any."""
        obstacles = {licence.number: find_obstacle(licence, place) for licence in self._select_candidates(work, place)}
        return {number: gap for number, gap in obstacles.items() if gap is None or gap.gap in _RIGHT_PLACE}

    def _select_candidates(self, work: int, place: Place) -> list[Licence]:
        """Return the work's licences that may apply to the place, selected by domain and host."""
        labels = place.host.split(".")
        by_domain = [self._by_domain.get(".".join(labels[start:]), ()) for start in range(len(labels))]
        hosts = {place.host, host_of(place.image_url)} if self._by_host else ()
        exact = [self._by_host.get(host, ()) for host in hosts]
        rows = (row for group in (*by_domain, *exact, self._anywhere) for row in group)
        return [licence for licence, works in rows if not works or work in works]


def load_ledger(owner: int, *, excluded: frozenset[int] = frozenset()) -> Ledger:
    """Load all licences of an owner (a primary key), except some."""
    work_ids = ArrayAgg("works", filter=Q(works__isnull=False), default=Value([]))
    rows = Licence.objects.filter(owner=owner).exclude(pk__in=excluded).annotate(named=work_ids)
    return Ledger((row, frozenset(row.named)) for row in rows)


def find_covering_licence(licences: Iterable[Licence], sighting: Sighting) -> Licence | None:
    """Return the first of these licences that covers this place on the day of the sighting, or ``None``."""
    return next((licence for licence in licences if find_obstacle(licence, sighting) is None), None)


def licences_for(work: Work) -> list[Licence]:
    """Return the owner's licences that name this work or no particular work."""
    rows = Licence.objects.filter(Q(works=work) | Q(works=None), owner=work.owner_id)
    return list(rows.distinct().order_by("number"))


def find_fitting(case: Case, limit: int = MAX_FITS, ledger: Ledger | None = None) -> list[Fit]:
    """Return the licences that may permit a case's use, the likeliest first, as proposals for the person who decides.

    Licences that cover every sighting come first, then those that cover some, then those for the right place but the
    wrong time or territory, then the rest by number. Runs two queries, or fewer if the ledger and the case's sightings
    are loaded.
    """
    prefetch_related_objects([case], SIGHTINGS_PREFETCH)
    places = list({row.sighting_id: row.sighting for row in case.case_sightings.all()}.values())
    licences = licences_for(case.work) if ledger is None else ledger.of_work(case.work_id)
    return sorted([_fit(licence, places) for licence in licences], key=_rank)[:limit]


def _fit(licence: Licence, places: list[Sighting]) -> Fit:
    obstacles = [find_obstacle(licence, place) for place in places]
    remaining = [reason for reason in obstacles if reason is not None]
    return Fit(licence, len(obstacles) - len(remaining), len(obstacles), min(remaining, key=_distance, default=None))


def _distance(reason: Obstacle) -> int:
    return 0 if reason.gap in _RIGHT_PLACE else 1


_RIGHT_PLACE = {Gap.NOT_YET, Gap.OVER, Gap.UNKNOWN_TIME, Gap.TERRITORY, Gap.UNKNOWN_TERRITORY}


def _rank(fit: Fit) -> tuple[int, int, int]:
    if fit.obstacle is None:
        return 0, 0, fit.licence.number
    if fit.covered:
        return 1, fit.of - fit.covered, fit.licence.number
    return 2 + _distance(fit.obstacle), 0, fit.licence.number


def _pattern_host(pattern: str) -> str:
    """Return the host of a URL pattern if it is complete, else an empty string; only URLs on that host can match."""
    host = _PATTERN_HOST.match(pattern)
    return "" if host is None else host[1].lower()


def _name(domain: str) -> str:
    return domain.lower().strip(".").removeprefix("*.")


def _is_within(host: str, domain: str) -> bool:
    name = _name(domain)
    return host == name or host.endswith(f".{name}")


def _is_match(place: Place, pattern: str) -> bool:
    """Return True if the page or image URL matches the pattern; ``*`` matches any run of characters."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return any(
        fnmatch.fnmatchcase(url, literal) or fnmatch.fnmatchcase(without_scheme(url), literal)
        for url in (place.page_url, place.image_url)
    )


def _is_account(place: Place, licence: Licence) -> bool:
    """Return True if the place belongs to the licence's account.

    The account is the site itself, or a name in the first path segments on the licence's domain.
    """
    account = licence.account.lower().removeprefix("@")
    if place.party.lower() == licence.account.lower():
        return True
    if not licence.domain:
        return False
    parts = [part for part in path_of(place.page_url).lower().split("/") if part]
    return account in {part.removeprefix("@") for part in parts[:ACCOUNT_DEPTH]}


def _find_territory_obstacle(licence: Licence, place: Place) -> Obstacle | None:
    if not licence.territories:
        return None
    country = country_of(place.host)
    if country in licence.territories:
        return None
    return Obstacle(Gap.TERRITORY if country else Gap.UNKNOWN_TERRITORY, ", ".join(licence.territories))


def find_time_obstacle(licence: Licence, place: Place) -> Obstacle | None:
    """Return an obstacle if a place was, or may have been, seen before a licence starts or after it ends."""
    if place.last_seen is not None:
        first = last = place.last_seen.date()
    else:
        first, last = days_of(place.period) if place.period else (date.min, date.max)
    starts_on, ends_on = licence.valid_from or date.min, licence.valid_until or date.max
    if last < starts_on:
        return Obstacle(Gap.NOT_YET, starts_on.isoformat())
    if first > ends_on:
        return Obstacle(Gap.OVER, ends_on.isoformat())
    if first < starts_on or last > ends_on:
        dates = (day.isoformat() if day else "…" for day in (licence.valid_from, licence.valid_until))
        return Obstacle(Gap.UNKNOWN_TIME, "–".join(dates))
    return None
