"""The spread of a work: the number of new pages on which each party showed it, period by period."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import BooleanField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Trunc

from registry.accounts.models import Owner
from registry.cases import scoped
from registry.cases.licence_check import get_country
from registry.cases.models import Case, CaseSighting
from registry.cases.work_search import annotate_seen_times
from registry.notices.models import NoticeCase
from registry.parties.models import PartyLookup
from registry.works.models import Work


class NewPlaces(NamedTuple):
    """Number of places (images on pages) of one case that were first seen within one period."""

    period_start: datetime  # Start of the period, in the current time zone.
    after_notice: bool  # True if a notice about the case had been sent before.
    places: int


class Country(NamedTuple):
    """Country of a party, if it is known."""

    code: str  # ISO 3166-1 alpha-2; empty if unknown.
    by_network: bool  # True if it comes from the registry entry of its network, not from its top-level domain.


def list_cases(owner: Owner, work: Work) -> QuerySet[Case]:
    """Return a work's cases that are not dismissed, ordered by first sighting, with first and last sighting times."""
    has_sightings = Exists(CaseSighting.objects.filter(case=OuterRef("pk")))
    rows = (
        scoped.list_owner_cases(owner)
        .filter(has_sightings, work=work, is_related=False)
        .exclude(decision=Case.Decision.DISMISSED)
    )
    return annotate_seen_times(rows).order_by(F("first_seen"), "number")


def count_new_places(cases: Collection[Case], period: str) -> Mapping[int, list[NewPlaces]]:
    """Count the places (images on pages) of each case by the period in which they were first seen.

    Places without a known time are left out.

    Args:
        cases: Cases to count.
        period: A unit that ``Trunc`` accepts, such as ``week``.

    Returns:
        Counts by the case's primary key, oldest period first.
    """
    place = ("case_id", "sighting__page_key", "sighting__image_key")
    rows = CaseSighting.objects.filter(case__in=[case.pk for case in cases], sighting__first_seen__isnull=False)
    first_sightings = rows.order_by(*place, "sighting__first_seen", "pk").distinct(*place).values("pk")
    sent_notices = NoticeCase.objects.filter(case=OuterRef("case"), notice__sent_at__isnull=False).order_by(
        "notice__sent_at"
    )
    is_later = Q(sighting__first_seen__gt=F("sent"))
    place_rows = (
        CaseSighting.objects.filter(pk__in=first_sightings)
        .annotate(
            begins=Trunc("sighting__first_seen", period), sent=Subquery(sent_notices.values("notice__sent_at")[:1])
        )
        .annotate(after=Coalesce(is_later, False, output_field=BooleanField()))  # noqa: FBT003
        .values_list("case_id", "begins", "after")
    )
    by_case: dict[int, list[NewPlaces]] = defaultdict(list)
    for case, *columns in place_rows.annotate(places=Count("pk")).order_by("case_id", "begins", "after"):
        by_case[case].append(NewPlaces(*columns))
    return by_case


def list_notice_times(cases: Collection[Case]) -> Mapping[int, list[datetime]]:
    """Return the times at which notices about each case were sent, by the case's primary key, oldest first."""
    rows = NoticeCase.objects.filter(case__in=[case.pk for case in cases], notice__sent_at__isnull=False)
    by_case: dict[int, list[datetime]] = defaultdict(list)
    for case, sent_at in rows.order_by("notice__sent_at").values_list("case", "notice__sent_at"):
        if sent_at is not None:
            by_case[case].append(sent_at)
    return by_case


def locate_parties(owner: Owner, parties: Collection[str]) -> Mapping[str, Country]:
    """Return each party's country, by its network if a member looked it up, otherwise by its top-level domain."""
    lookups = PartyLookup.objects.filter(owner=owner, party__in=parties).values_list("party", "answers")
    network_countries = {
        party: entry["country"].upper() for party, records in lookups for entry in records if entry["about"] == "ip"
    }
    valid_codes = {party: code for party, code in network_countries.items() if re.fullmatch("[A-Z]{2}", code)}
    return {entry: Country(valid_codes.get(entry) or get_country(entry), entry in valid_codes) for entry in parties}


def count_by_country(owner: Owner, cases: QuerySet[Case]) -> list[tuple[str, int, int, int]]:
    """Return (country code, parties, parties located by network, places) for each country, most places first."""
    places = dict(cases.order_by().values("party").annotate(all=Sum("places")).values_list("party", "all"))
    by_code: dict[str, list[tuple[bool, int]]] = defaultdict(list)  # By country code; empty if unknown.
    for party, (code, by_network) in locate_parties(owner, places).items():
        by_code[code].append((by_network, places[party]))
    country_rows = (
        (
            code,
            len(entries),
            sum(is_by_network for is_by_network, _ in entries),
            sum(place_count for _, place_count in entries),
        )
        for code, entries in by_code.items()
    )
    return sorted(country_rows, key=lambda country_row: (not country_row[0], -country_row[3], country_row[0]))
