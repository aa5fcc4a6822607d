"""Licences tried against the cases that are there, before anything is saved."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from exhibit.urls import registrable_domain
from registry.licence_check import Ledger, ledger_of
from registry.licences import NewLicence, next_number
from registry.matching import LEDGER
from registry.models import Case, CaseSighting, Licence, Owner

SHOWN = 50
"""Cases that a trial lists by name; all are counted."""

NARROWED = 20
"""Up to so many licences, places are looked for licence by licence; beyond, all of the owner's are looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Where and when something was seen: what a licence is held against."""

    host: str
    party: str
    page_url: str
    image_url: str
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Trial:
    """What licences would do to the cases of now.

    Attributes:
        licensed: open cases that would be licensed.
        partly: open cases of which some sightings would be covered, not all.
        decided: confirmed or cleared cases that would be covered in whole; they stay as a person decided them.
        reopened: cases that the ledger licensed and that would be open again.
        shown: the first of these cases.
        effects: what would become of each shown case, by its number.
    """

    licensed: int
    partly: int
    decided: int
    reopened: int
    shown: tuple[Case, ...]
    effects: dict[int, str]


def try_licences(owner: Owner, given: Sequence[NewLicence], *, instead_of: Licence | None = None) -> Trial:
    """Try licences against the owner's cases; nothing is changed.

    Args:
        owner: whose.
        given: as they would be kept.
        instead_of: the licence whose words they would replace.
    """
    rows = [(new.row(owner, number), new) for number, new in enumerate(given, next_number(owner))]
    ledger = Ledger((row, frozenset(work.pk for work in new.works)) for row, new in rows)
    gained = _gained(owner, [row for row, _ in rows], ledger)
    lost = _lost(owner, ledger, instead_of)
    return _counted(gained, lost)


def _gained(owner: Owner, rows: list[Licence], ledger: Ledger) -> Counter[int]:
    """How many sightings without a licence the new ones would cover, by case."""
    of = CaseSighting.objects.filter(case__owner=owner, licence=None)
    if len(rows) <= NARROWED:
        wanted = Q(pk__in=())
        for row in rows:
            wanted |= _narrow(row)
        of = of.filter(wanted)
    return Counter(case for case, work, seen in _places(of) if ledger.covering(work, seen) is not None)


def _lost(owner: Owner, ledger: Ledger, instead_of: Licence | None) -> Counter[int]:
    """How many sightings that the replaced licence covers would be covered by none, by case."""
    if instead_of is None:
        return Counter()
    others = ledger_of(owner.pk, without=frozenset({instead_of.pk}))
    rows = CaseSighting.objects.filter(case__owner=owner, licence=instead_of)
    return Counter(
        case
        for case, work, seen in _places(rows)
        if ledger.covering(work, seen) is None and others.covering(work, seen) is None
    )


def _narrow(licence: Licence) -> Q:
    """Sightings that a licence may cover, as the database can tell; the rule itself has the last word."""
    wanted = Q()
    if licence.domain:
        domain = licence.domain
        wanted &= Q(case__party__startswith=registrable_domain(domain)) | Q(case__party__endswith=f".{domain}")
        wanted &= Q(sighting__host=domain) | Q(sighting__host__endswith=f".{domain}")
    longest = max(licence.url_pattern.split("*"), key=len)
    if longest:
        wanted &= Q(sighting__page_url__contains=longest) | Q(sighting__image_url__contains=longest)
    return wanted


def _places(rows: QuerySet[CaseSighting]) -> Iterable[tuple[int, int, Seen]]:
    columns = ("host", "party", "page_url", "image_url", "last_seen")
    found = rows.values_list("case_id", "case__work_id", *(f"sighting__{name}" for name in columns))
    for case, work, *values in found.iterator(chunk_size=5_000):
        yield case, work, Seen(*values)


def _counted(gained: Counter[int], lost: Counter[int]) -> Trial:
    """What becomes of each case that gains or loses sightings."""
    touched = {*gained, *lost}
    effects: dict[int, str] = {}
    counts: dict[str, int] = defaultdict(int)
    for pk, decision, by, open_rows in _standing(touched):
        left = open_rows + lost[pk] - gained[pk]
        effect = _effect(decision, by_ledger=by, left=left, gained=gained[pk])
        if effect:
            effects[pk] = effect
            counts[effect] += 1
    order = {effect: place for place, effect in enumerate(("reopened", "licensed", "decided", "partly"))}
    first = sorted(effects, key=lambda pk: (order[effects[pk]], pk))[:SHOWN]
    shown = Case.objects.filter(pk__in=first).select_related("work").order_by("number")
    rows = tuple(sorted(shown, key=lambda case: first.index(case.pk)))
    return Trial(
        counts["licensed"],
        counts["partly"],
        counts["decided"],
        counts["reopened"],
        rows,
        {case.number: effects[case.pk] for case in rows},
    )


def _standing(cases: set[int]) -> Iterable[tuple[int, str, bool, int]]:
    """Each case with its decision, whether the ledger made it, and how many of its sightings no licence covers."""
    rows = Case.objects.filter(pk__in=cases).annotate(
        left=Count("case_sightings", filter=Q(case_sightings__licence=None))
    )
    for pk, decision, by, left in rows.values_list("pk", "decision", "decided_by", "left"):
        yield pk, decision, by == LEDGER, left


def _effect(decision: str, *, by_ledger: bool, left: int, gained: int) -> str:
    if decision == Case.Decision.LICENSED:
        return "reopened" if by_ledger and left > 0 else ""
    if decision == Case.Decision.OPEN:
        return "licensed" if left <= 0 else "partly" if gained else ""
    return "decided" if left <= 0 and gained else ""
