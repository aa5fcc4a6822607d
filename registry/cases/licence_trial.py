"""Licences tried against the cases that are there, before anything is saved."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from exhibit.network.urls import registrable_domain
from registry.cases.matching import LEDGER
from registry.models import Case, CaseSighting, Licence, Owner
from registry.works.licence_check import Ledger, ledger_of
from registry.works.licences import NewLicence, next_number

SHOWN = 50
"""Cases that a trial lists by name; all are counted."""

CASES_AT_ONCE = 1_000
"""To begin with; twice as many after each look that was quick."""

QUICK = 0.05
"""Seconds."""

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


ORDER = ("reopened", "licensed", "decided", "partly")
"""What may become of a case, what matters most first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What licences would do to the cases of now, or to the first of them.

    Cases would be ``reopened`` (the ledger licensed them, and they would be open again), ``licensed`` (open ones),
    ``decided`` (covered in whole, but confirmed or cleared: they stay as a person decided them) or ``partly`` covered
    (open ones, of which some sightings would be covered, not all).
    """

    counts: dict[str, int]  # by what would become of them
    effects: dict[int, str]  # of the first of these cases, by number
    looked_at: int  # at how many cases
    after: int | None  # the number of the last case that was looked at; nothing when that was the last one

    def joined(self, later: "Trial") -> "Trial":
        """Both together, of which the other goes on where this one ended."""
        counts = {effect: self.counts.get(effect, 0) + later.counts.get(effect, 0) for effect in ORDER}
        both = {**self.effects, **later.effects}
        first = sorted(both, key=lambda number: (ORDER.index(both[number]), number))[:SHOWN]
        effects = {number: both[number] for number in first}
        return Trial(counts, effects, self.looked_at + later.looked_at, later.after)


NOTHING = Trial({}, {}, 0, 0)
"""Before the first case."""


def try_licences(
    owner: Owner,
    given: Sequence[NewLicence],
    *,
    instead_of: Licence | None = None,
    so_far: Trial = NOTHING,
    seconds: float = math.inf,
) -> Trial:
    """Try licences against the owner's cases, perhaps in place of another's words; nothing is changed.

    After so many seconds it ends where it is; given what an earlier call has answered about the same licences, it goes
    on there.
    """
    over, chunk = time.monotonic() + seconds, CASES_AT_ONCE
    rows = [(new.row(owner, number), new) for number, new in enumerate(given, next_number(owner))]
    ledger = Ledger((row, frozenset(work.pk for work in new.works)) for row, new in rows)
    wanted = _wanted([row for row, _ in rows])
    others = ledger_of(owner.pk, without=frozenset({instead_of.pk})) if instead_of else None
    found = so_far
    while found.after is not None:
        begun = time.monotonic()
        numbers = Case.objects.filter(owner=owner, number__gt=found.after).order_by("number")
        part = list(numbers.values_list("number", flat=True)[:chunk])
        if not part:
            return replace(found, after=None)
        seen = CaseSighting.objects.filter(case__owner=owner, case__number__gt=found.after, case__number__lte=part[-1])
        gained = _gained(seen.filter(wanted, licence=None), ledger)
        lost = _lost(seen.filter(licence=instead_of), ledger, others) if others is not None else Counter[int]()
        after = part[-1] if len(part) == chunk else None
        found = found.joined(_counted(gained, lost, len(part), after))
        if time.monotonic() > over:
            break
        if time.monotonic() - begun < QUICK:
            chunk *= 2
    return found


def cases_of(owner: Owner, trial: Trial) -> list[tuple[Case, str]]:
    """The cases that a trial names, with what would become of each."""
    rows = {
        row.number: row for row in Case.objects.filter(owner=owner, number__in=trial.effects).select_related("work")
    }
    return [(rows[number], effect) for number, effect in trial.effects.items() if number in rows]


def _wanted(rows: Sequence[Licence]) -> Q:
    """Sightings that one of the licences may cover; all, where there are too many licences to look for each."""
    if len(rows) > NARROWED:
        return Q()
    wanted = Q(pk__in=())
    for row in rows:
        wanted |= _narrow(row)
    return wanted


def _gained(rows: QuerySet[CaseSighting], ledger: Ledger) -> Counter[int]:
    """How many sightings without a licence the new ones would cover, by case."""
    return Counter(case for case, work, seen in _places(rows) if ledger.covering(work, seen) is not None)


def _lost(rows: QuerySet[CaseSighting], ledger: Ledger, others: Ledger) -> Counter[int]:
    """How many sightings that the replaced licence covers would be covered by none, by case."""
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


def _counted(gained: Counter[int], lost: Counter[int], looked_at: int, after: int | None) -> Trial:
    """What becomes of each case that gains or loses sightings."""
    effects: dict[int, str] = {}
    for pk, number, decision, by, open_rows in _standing({*gained, *lost}):
        left = open_rows + lost[pk] - gained[pk]
        if effect := _effect(decision, by_ledger=by, left=left, gained=gained[pk]):
            effects[number] = effect
    return Trial(dict(Counter(effects.values())), effects, looked_at, after)


def _standing(cases: set[int]) -> Iterable[tuple[int, int, str, bool, int]]:
    """Each case with its decision, whether the ledger made it, and how many of its sightings no licence covers."""
    rows = Case.objects.filter(pk__in=cases).annotate(
        left=Count("case_sightings", filter=Q(case_sightings__licence=None))
    )
    columns = ("pk", "number", "decision", "decided_by", "left")
    for pk, number, decision, by, left in rows.order_by().values_list(*columns):
        yield pk, number, decision, by == LEDGER, left


def _effect(decision: str, *, by_ledger: bool, left: int, gained: int) -> str:
    if decision == Case.Decision.LICENSED:
        return "reopened" if by_ledger and left > 0 else ""
    if decision == Case.Decision.OPEN:
        return "licensed" if left <= 0 else "partly" if gained else ""
    return "decided" if left <= 0 and gained else ""
