"""Licences tried against the cases that are there, before anything is saved."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db.models import Count, Q, QuerySet

from exhibit.network.addresses import registrable_domain
from registry.accounts.models import Owner
from registry.cases.licence_check import Ledger, Seen, ledger_of
from registry.cases.models import Case, CaseSighting
from registry.cases.record_decision import LEDGER
from registry.db.rows import next_number
from registry.works.licences import NewLicence
from registry.works.models import Licence

SHOWN = 50
"""Cases that a trial lists by name; all are counted."""

CASES_AT_ONCE = 1_000
"""To begin with; twice as many after each look that was quick."""

QUICK = 0.05
"""Seconds."""

NARROWED = 20
"""Up to so many licences, places are looked for licence by licence; beyond, all of the owner's are looked at."""

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

    After so many seconds it ends where it is; it goes on where an earlier call has ended (``so_far``).
    """
    over, chunk = time.monotonic() + seconds, CASES_AT_ONCE
    rows = [(new.row(owner, number), new) for number, new in enumerate(given, next_number(owner.licences))]
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
        gained = Counter(case for case, covered in _held(seen.filter(wanted, licence=None), [ledger]) if covered)
        lost = Counter[int]()
        if others is not None:
            held = _held(seen.filter(licence=instead_of), [ledger, others])
            lost = Counter(case for case, covered in held if not covered)
        after = part[-1] if len(part) == chunk else None
        found = found.joined(_counted(gained, lost, len(part), after))
        if time.monotonic() > over:
            break
        if time.monotonic() - begun < QUICK:
            chunk *= 2
    return found


def cases_of(owner: Owner, trial: Trial) -> list[tuple[Case, str]]:
    """The cases that a trial names, with what would become of each."""
    found = Case.objects.filter(owner=owner, number__in=trial.effects).select_related("work")
    rows = {case.number: case for case in found}
    return [(rows[number], effect) for number, effect in trial.effects.items() if number in rows]


def _wanted(rows: Sequence[Licence]) -> Q:
    """Sightings that one of the licences may cover; all, where there are too many licences to look for each."""
    if len(rows) > NARROWED:
        return Q()
    wanted = Q(pk__in=())
    for row in rows:
        wanted |= _narrow(row)
    return wanted


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


def _held(rows: QuerySet[CaseSighting], ledgers: Sequence[Ledger]) -> Iterable[tuple[int, bool]]:
    """The case of each sighting, and whether one of the ledgers covers it."""
    columns = ("host", "party", "page_url", "image_url", "last_seen", "period")
    found = rows.values_list("case_id", "case__work_id", *(f"sighting__{name}" for name in columns))
    for case, work, *values in found.iterator(chunk_size=5_000):
        seen = Seen(*values)
        yield case, any(ledger.covering(work, seen) is not None for ledger in ledgers)


def _counted(gained: Counter[int], lost: Counter[int], looked_at: int, after: int | None) -> Trial:
    """What becomes of each case that gains or loses sightings."""
    effects: dict[int, str] = {}
    uncovered = Count("case_sightings", filter=Q(case_sightings__licence=None))
    rows = Case.objects.filter(pk__in={*gained, *lost}).annotate(left=uncovered).order_by()
    for pk, number, decision, by, open_rows in rows.values_list("pk", "number", "decision", "decided_by", "left"):
        left = open_rows + lost[pk] - gained[pk]
        if effect := _effect(decision, by_ledger=by == LEDGER, left=left, gained=gained[pk]):
            effects[number] = effect
    return Trial(dict(Counter(effects.values())), effects, looked_at, after)


def _effect(decision: str, *, by_ledger: bool, left: int, gained: int) -> str:
    if decision == Case.Decision.LICENSED:
        return "reopened" if by_ledger and left > 0 else ""
    if decision == Case.Decision.OPEN:
        return "licensed" if left <= 0 else "partly" if gained else ""
    return "decided" if left <= 0 and gained else ""
