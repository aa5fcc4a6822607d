"""Trials of licences against existing cases, before anything is saved."""

import math
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db.models import Count, Q, QuerySet

from exhibit.network.addresses import registrable_domain
from registry.accounts.models import Owner
from registry.cases.licence_check import Ledger, SightingPlace, load_ledger
from registry.cases.models import Case, CaseSighting
from registry.cases.record_decision import LEDGER
from registry.db.rows import next_number
from registry.works.licences import NewLicence
from registry.works.models import Licence

MAX_LISTED = 50
"""Maximum number of cases that a trial lists; all affected cases are counted."""

CASES_AT_ONCE = 1_000
"""Initial batch size; it doubles after each batch that was quick."""

QUICK_SECONDS = 0.05
"""Duration below which a batch counts as quick, in seconds."""

MAX_NARROWED = 20
"""Maximum number of licences for which sightings are preselected; for more, all of the owner's are checked."""

ORDER = ("reopened", "licensed", "decided", "partly")
"""Possible effects on a case, the most important first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The effects that licences would have on the existing cases, or on the first of them.

    Cases would be ``reopened`` (licensed by the ledger, and no longer covered), ``licensed`` (open now), ``decided``
    (fully covered, but confirmed or cleared: a person's decision stays) or ``partly`` covered (open, with only some
    sightings covered).
    """

    counts: dict[str, int]  # by effect
    effects: dict[int, str]  # effects of the first affected cases, by case number
    looked_at: int  # number of cases checked
    after: int | None  # number of the last case checked; ``None`` when no cases are left

    def merge(self, later: "Trial") -> "Trial":
        """Merge this trial with one that continues it."""
        counts = {effect: self.counts.get(effect, 0) + later.counts.get(effect, 0) for effect in ORDER}
        both = {**self.effects, **later.effects}
        first = sorted(both, key=lambda number: (ORDER.index(both[number]), number))[:MAX_LISTED]
        effects = {number: both[number] for number in first}
        return Trial(counts, effects, self.looked_at + later.looked_at, later.after)


EMPTY_TRIAL = Trial({}, {}, 0, 0)
"""The empty trial, from which a trial starts."""


def try_licences(
    owner: Owner,
    new_licences: Sequence[NewLicence],
    *,
    replaced_licence: Licence | None = None,
    previous: Trial = EMPTY_TRIAL,
    seconds: float = math.inf,
) -> Trial:
    """Try licences against the owner's cases, optionally in place of an existing one; nothing is changed.

    Args:
        owner: The owner.
        new_licences: The licences to try.
        replaced_licence: An existing licence that they would replace.
        previous: The result of an earlier call, to continue it.
        seconds: Time limit, after which the partial result is returned.
    """
    deadline, chunk = time.monotonic() + seconds, CASES_AT_ONCE
    rows = [(new.row(owner, number), new) for number, new in enumerate(new_licences, next_number(owner.licences))]
    ledger = Ledger((row, frozenset(work.pk for work in new.works)) for row, new in rows)
    coverage_filter = _preselect([row for row, _ in rows])
    other_ledger = load_ledger(owner.pk, excluded=frozenset({replaced_licence.pk})) if replaced_licence else None
    result = previous
    while result.after is not None:
        batch_start = time.monotonic()
        numbers = Case.objects.filter(owner=owner, number__gt=result.after).order_by("number")
        part = list(numbers.values_list("number", flat=True)[:chunk])
        if not part:
            return replace(result, after=None)
        sightings = CaseSighting.objects.filter(
            case__owner=owner, case__number__gt=result.after, case__number__lte=part[-1]
        )
        gained = Counter(
            case
            for case, is_covered in _check_coverage(sightings.filter(coverage_filter, licence=None), [ledger])
            if is_covered
        )
        lost = Counter[int]()
        if other_ledger is not None:
            coverage = _check_coverage(sightings.filter(licence=replaced_licence), [ledger, other_ledger])
            lost = Counter(case for case, is_covered in coverage if not is_covered)
        after = part[-1] if len(part) == chunk else None
        result = result.merge(_count_effects(gained, lost, len(part), after))
        if time.monotonic() > deadline:
            break
        if time.monotonic() - batch_start < QUICK_SECONDS:
            chunk *= 2
    return result


def cases_of(owner: Owner, trial: Trial) -> list[tuple[Case, str]]:
    """Return the cases that a trial lists, each with its effect."""
    matching = Case.objects.filter(owner=owner, number__in=trial.effects).select_related("work")
    rows = {case.number: case for case in matching}
    return [(rows[number], effect) for number, effect in trial.effects.items() if number in rows]


def _preselect(rows: Sequence[Licence]) -> Q:
    """Return a filter for sightings that one of the licences may cover; matches all if there are many licences."""
    if len(rows) > MAX_NARROWED:
        return Q()
    condition = Q(pk__in=())
    for row in rows:
        condition |= _narrow(row)
    return condition


def _narrow(licence: Licence) -> Q:
    """Return a filter for sightings that a licence may cover; the coverage rule itself makes the final decision."""
    condition = Q()
    if licence.domain:
        domain = licence.domain
        condition &= Q(case__party__startswith=registrable_domain(domain)) | Q(case__party__endswith=f".{domain}")
        condition &= Q(sighting__host=domain) | Q(sighting__host__endswith=f".{domain}")
    longest = max(licence.url_pattern.split("*"), key=len)
    if longest:
        condition &= Q(sighting__page_url__contains=longest) | Q(sighting__image_url__contains=longest)
    return condition


def _check_coverage(rows: QuerySet[CaseSighting], ledgers: Sequence[Ledger]) -> Iterable[tuple[int, bool]]:
    """Yield each sighting's case and True if one of the ledgers covers the sighting."""
    columns = ("host", "party", "page_url", "image_url", "last_seen", "period")
    values_rows = rows.values_list("case_id", "case__work_id", *(f"sighting__{name}" for name in columns))
    for case, work, *values in values_rows.iterator(chunk_size=5_000):
        place = SightingPlace(*values)
        yield case, any(ledger.find_covering(work, place) is not None for ledger in ledgers)


def _count_effects(gained: Counter[int], lost: Counter[int], checked_count: int, after: int | None) -> Trial:
    """Determine the effect on each case that gains or loses covered sightings."""
    effects: dict[int, str] = {}
    uncovered = Count("case_sightings", filter=Q(case_sightings__licence=None))
    rows = Case.objects.filter(pk__in={*gained, *lost}).annotate(left=uncovered).order_by()
    for pk, number, decision, by, open_rows in rows.values_list("pk", "number", "decision", "decided_by", "left"):
        uncovered_count = open_rows + lost[pk] - gained[pk]
        if effect := _effect(decision, by_ledger=by == LEDGER, uncovered_count=uncovered_count, gained=gained[pk]):
            effects[number] = effect
    return Trial(dict(Counter(effects.values())), effects, checked_count, after)


def _effect(decision: str, *, by_ledger: bool, uncovered_count: int, gained: int) -> str:
    if decision == Case.Decision.LICENSED:
        return "reopened" if by_ledger and uncovered_count > 0 else ""
    if decision == Case.Decision.OPEN:
        return "licensed" if uncovered_count <= 0 else "partly" if gained else ""
    return "decided" if uncovered_count <= 0 and gained else ""
