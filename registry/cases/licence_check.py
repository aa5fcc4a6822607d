"""Licence coverage: the rule that crawls, licence trials and manual checks use."""

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

from exhibit.network.addresses import get_url_host, get_url_path, remove_scheme
from exhibit.periods import get_period_days
from registry.cases.models import Case, CaseSighting
from registry.crawls.models import Sighting
from registry.works.models import Licence, Work

SIGHTINGS_PREFETCH = Prefetch(
    "case_sightings",
    CaseSighting.objects.select_related("sighting").order_by(
        F("sighting__last_seen").desc(nulls_last=True), "-sighting"
    ),
)
"""Prefetch of a case's sightings, the latest first; loaded once per case and then shared."""

MAX_PROPOSED_LICENCES = 20
"""Maximum number of licences proposed for one case."""

_PATTERN_HOST = re.compile(r"(?:[a-z]+://)?([a-z0-9.-]+)(?::\d+)?/", re.IGNORECASE)

ACCOUNT_DEPTH = 2
"""Number of leading URL path segments that may contain an account name: /NAME, /shop/NAME, /@NAME."""

GENERIC_TLDS = frozenset(
    re.findall(r"\w+", "ac ag ai am as bz cc cd co eu fm gg gl io is la li ly me ms mu nu sc sh st su tk to tv vc ws")
)
"""Two-letter top-level domains that do not indicate a country: registered worldwide, or of no country."""


@dataclass(frozen=True, slots=True)
class SightingPlace:
    """Place and time of a sighting: the fields that are compared with licences."""

    host: str
    party: str
    page_url: str
    image_url: str
    last_seen: datetime | None
    period: str = ""


Place: TypeAlias = Sighting | SightingPlace


class ObstacleReason(StrEnum):
    """Type of reason why a licence does not cover a place."""

    NO_PLACE = "no place"
    DOMAIN = "domain"
    PATTERN = "pattern"
    ACCOUNT = "account"
    TERRITORY = "territory"
    UNKNOWN_TERRITORY = "unknown territory"
    NOT_STARTED = "not yet"
    EXPIRED = "over"
    UNKNOWN_TIME = "unknown time"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A reason why a licence does not cover a place, with the licence's value that caused it."""

    reason: ObstacleReason
    value: str = ""

    @property
    def text(self) -> str:
        """The reason in English, for the record."""
        return _OBSTACLE_TEXTS[self.reason].format(self.value)


_OBSTACLE_TEXTS = {
    ObstacleReason.NO_PLACE: "it lists no domain, URL or account",
    ObstacleReason.DOMAIN: "it is for {}",
    ObstacleReason.PATTERN: "it is for URLs like {}",
    ObstacleReason.ACCOUNT: "it is for the account {}",
    ObstacleReason.TERRITORY: "it is for {} only, and the host's top-level domain is that of another country",
    ObstacleReason.UNKNOWN_TERRITORY: "it is for {} only, and the host's top-level domain is not that of a country",
    ObstacleReason.NOT_STARTED: "it starts on {}",
    ObstacleReason.EXPIRED: "it ended on {}",
    ObstacleReason.UNKNOWN_TIME: "it is for {} only, and it is not known precisely when the picture was seen",
}


@dataclass(frozen=True, slots=True)
class LicenceCoverage:
    """The coverage of a case by one licence."""

    licence: Licence
    covered: int  # sightings of the case that the licence covers by its own terms
    of: int  # sightings of the case
    obstacle: Obstacle | None  # reason why it does not cover the others; ``None`` if it covers all


def describe_obstacle(licence: Licence, place: Place) -> str:
    """Describe in English why a licence does not cover a place; return an empty string if it does."""
    obstacle = find_obstacle(licence, place)
    return "" if obstacle is None else obstacle.text


def find_obstacle(licence: Licence, place: Place) -> Obstacle | None:
    """Return the reason why a licence does not cover a place, or ``None`` if it does.

    A licence without a domain, URL pattern or account covers nothing, because a permission for everyone is not a
    licence. The territory of a place is known only if its host has a country-code top-level domain. Otherwise a licence
    for certain territories is not applied automatically, and a member must decide.
    """
    if not (licence.domain or licence.url_pattern or licence.account):
        return Obstacle(ObstacleReason.NO_PLACE)
    if licence.domain and not _is_in_domain(place.host, licence.domain):
        return Obstacle(ObstacleReason.DOMAIN, licence.domain)
    if licence.url_pattern and not _matches_url_pattern(place, licence.url_pattern):
        return Obstacle(ObstacleReason.PATTERN, licence.url_pattern)
    if licence.account and not _belongs_to_account(place, licence):
        return Obstacle(ObstacleReason.ACCOUNT, licence.account)
    return _find_territory_obstacle(licence, place) or find_time_obstacle(licence, place)


def get_country(host: str) -> str:
    """Return the country of a host's top-level domain (ISO 3166-1 alpha-2); empty if there is none."""
    suffix = host.rsplit(".", 1)[-1].lower()
    if len(suffix) != 2 or not suffix.isalpha() or suffix in GENERIC_TLDS:
        return ""
    return "GB" if suffix == "uk" else suffix.upper()


class Ledger:
    """An owner's licences, indexed to check many places. If several cover a place, the lowest number is used."""

    def __init__(self, licences: Iterable[tuple[Licence, frozenset[int]]]) -> None:
        """Index licences, each given with the primary keys of its works; an empty set means all works."""
        self._by_domain: dict[str, list[tuple[Licence, frozenset[int]]]] = defaultdict(list)
        self._by_host: dict[str, list[tuple[Licence, frozenset[int]]]] = defaultdict(list)
        self._unrestricted: list[tuple[Licence, frozenset[int]]] = []
        self.licences = list(licences)
        for licence, works in self.licences:
            if domain := _normalize_domain(licence.domain):
                self._by_domain[domain].append((licence, works))
            elif host := _get_pattern_host(licence.url_pattern):
                self._by_host[host].append((licence, works))
            else:
                self._unrestricted.append((licence, works))

    def find_covering_licence(self, work: int, place: Place) -> Licence | None:
        """Return the licence with the lowest number that covers a work at a place, or ``None``."""
        candidates = [
            licence for licence in self._select_candidates(work, place) if find_obstacle(licence, place) is None
        ]
        return min(candidates, key=lambda licence: licence.number, default=None)

    def list_for_work(self, work: int) -> list[Licence]:
        """Return the licences for a work or for all works, sorted by number."""
        matching = (licence for licence, works in self.licences if not works or work in works)
        return sorted(matching, key=lambda licence: licence.number)

    def find_licences_for_place(self, work: int, place: Place) -> dict[int, Obstacle | None]:
        """Return the licences for a work and place by number, each with its time or territory obstacle, or ``None``."""
        obstacles = {licence.number: find_obstacle(licence, place) for licence in self._select_candidates(work, place)}
        return {
            number: obstacle
            for number, obstacle in obstacles.items()
            if obstacle is None or obstacle.reason in _RIGHT_PLACE_REASONS
        }

    def _select_candidates(self, work: int, place: Place) -> list[Licence]:
        """Return the work's licences that may cover a place, selected by domain and host."""
        labels = place.host.split(".")
        by_domain = [self._by_domain.get(".".join(labels[index:]), ()) for index in range(len(labels))]
        hosts = {place.host, get_url_host(place.image_url)} if self._by_host else ()
        by_host = [self._by_host.get(host, ()) for host in hosts]
        rows = (row for group in (*by_domain, *by_host, self._unrestricted) for row in group)
        return [licence for licence, works in rows if not works or work in works]


def load_ledger(owner: int, *, excluded: frozenset[int] = frozenset()) -> Ledger:
    """Load the licences of an owner, except ``excluded``; both are primary keys."""
    work_ids = ArrayAgg("works", filter=Q(works__isnull=False), default=Value([]))
    rows = Licence.objects.filter(owner=owner).exclude(pk__in=excluded).annotate(named=work_ids)
    return Ledger((row, frozenset(row.named)) for row in rows)


def find_covering_licence(licences: Iterable[Licence], sighting: Sighting) -> Licence | None:
    """Return the first of the given licences that covers a sighting at its time, or ``None``."""
    return next((licence for licence in licences if find_obstacle(licence, sighting) is None), None)


def list_licences(work: Work) -> list[Licence]:
    """Return the owner's licences for a work or for all works, sorted by number."""
    rows = Licence.objects.filter(Q(works=work) | Q(works=None), owner=work.owner_id)
    return list(rows.distinct().order_by("number"))


def propose_licences(
    case: Case, limit: int = MAX_PROPOSED_LICENCES, ledger: Ledger | None = None
) -> list[LicenceCoverage]:
    """Return the licences that may permit a case's use, the likeliest first, as proposals for the deciding member.

    Licences that cover every sighting come first, then those that cover some sightings, then those for the right place
    but the wrong time or territory, then the others by number. Runs two queries, or fewer if the ledger and the case's
    sightings are already loaded.
    """
    prefetch_related_objects([case], SIGHTINGS_PREFETCH)
    places = list({row.sighting_id: row.sighting for row in case.case_sightings.all()}.values())
    licences = list_licences(case.work) if ledger is None else ledger.list_for_work(case.work_id)
    return sorted([_measure_coverage(licence, places) for licence in licences], key=_get_rank)[:limit]


def _measure_coverage(licence: Licence, places: list[Sighting]) -> LicenceCoverage:
    obstacles = [find_obstacle(licence, place) for place in places]
    found_obstacles = [obstacle for obstacle in obstacles if obstacle is not None]
    return LicenceCoverage(
        licence,
        len(obstacles) - len(found_obstacles),
        len(obstacles),
        min(found_obstacles, key=_rank_obstacle, default=None),
    )


def _rank_obstacle(obstacle: Obstacle) -> int:
    return 0 if obstacle.reason in _RIGHT_PLACE_REASONS else 1


_RIGHT_PLACE_REASONS = {
    ObstacleReason.NOT_STARTED,
    ObstacleReason.EXPIRED,
    ObstacleReason.UNKNOWN_TIME,
    ObstacleReason.TERRITORY,
    ObstacleReason.UNKNOWN_TERRITORY,
}


def _get_rank(coverage: LicenceCoverage) -> tuple[int, int, int]:
    if coverage.obstacle is None:
        return 0, 0, coverage.licence.number
    if coverage.covered:
        return 1, coverage.of - coverage.covered, coverage.licence.number
    return 2 + _rank_obstacle(coverage.obstacle), 0, coverage.licence.number


def _get_pattern_host(pattern: str) -> str:
    """Return the host of a URL pattern if it contains no wildcard, else an empty string."""
    host_match = _PATTERN_HOST.match(pattern)
    return "" if host_match is None else host_match[1].lower()


def _normalize_domain(domain: str) -> str:
    return domain.lower().strip(".").removeprefix("*.")


def _is_in_domain(host: str, domain: str) -> bool:
    name = _normalize_domain(domain)
    return host == name or host.endswith(f".{name}")


def _matches_url_pattern(place: Place, pattern: str) -> bool:
    """Return True if the page or image URL matches the pattern; ``*`` matches any sequence of characters."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return any(
        fnmatch.fnmatchcase(url, literal) or fnmatch.fnmatchcase(remove_scheme(url), literal)
        for url in (place.page_url, place.image_url)
    )


def _belongs_to_account(place: Place, licence: Licence) -> bool:
    """Return True if the place belongs to the licence's account.

    The account is the site itself, or a name in the first path segments on the licence's domain.
    """
    account = licence.account.lower().removeprefix("@")
    if place.party.lower() == licence.account.lower():
        return True
    if not licence.domain:
        return False
    parts = [part for part in get_url_path(place.page_url).lower().split("/") if part]
    return account in {part.removeprefix("@") for part in parts[:ACCOUNT_DEPTH]}


def _find_territory_obstacle(licence: Licence, place: Place) -> Obstacle | None:
    if not licence.territories:
        return None
    country = get_country(place.host)
    if country in licence.territories:
        return None
    return Obstacle(
        ObstacleReason.TERRITORY if country else ObstacleReason.UNKNOWN_TERRITORY, ", ".join(licence.territories)
    )


def find_time_obstacle(licence: Licence, place: Place) -> Obstacle | None:
    """Return an obstacle if a sighting was, or may have been, outside a licence's period, or ``None``."""
    if place.last_seen is not None:
        first_day = last_day = place.last_seen.date()
    else:
        first_day, last_day = get_period_days(place.period) if place.period else (date.min, date.max)
    starts_on, ends_on = licence.valid_from or date.min, licence.valid_until or date.max
    if last_day < starts_on:
        return Obstacle(ObstacleReason.NOT_STARTED, starts_on.isoformat())
    if first_day > ends_on:
        return Obstacle(ObstacleReason.EXPIRED, ends_on.isoformat())
    if first_day < starts_on or last_day > ends_on:
        dates = (day.isoformat() if day else "…" for day in (licence.valid_from, licence.valid_until))
        return Obstacle(ObstacleReason.UNKNOWN_TIME, "–".join(dates))
    return None
